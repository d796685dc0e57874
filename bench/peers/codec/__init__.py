"""Frames of other protocols with the same payload.

`encode(payload)` gives one frame as bytes; `decode(stream)` the payloads of all frames of a stream;
CHECK is what tells damaged frames apart, as far as anything does.
"""
