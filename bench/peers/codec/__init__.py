"""Frames of other protocols with the same 64-byte payload and a check of its own each.

`encode(payload)` gives one frame as bytes; `decode(stream)` the payloads of all frames of a stream.
"""
