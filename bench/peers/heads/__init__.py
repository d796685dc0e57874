"""Raw head tensors to detections by other libraries, each in the best form found for it.

A module's `yolo_decoders()` and `ssd_decoders()` list its ways. Each takes the raw tensors as the
engine leaves them and returns `Found`.
"""
