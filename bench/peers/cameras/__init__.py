"""A camera's NV12 frame to detections, as each peer does it with a TFLite model.

Each module has NAME, VERSION and `detector(model)`: a function of an NV12 array (h * 3 / 2, w) that
gives the number of boxes above a score of 0.25.
"""
