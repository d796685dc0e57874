"""On-device runtime for camera ML: frames to TFLite detections to firmware commands."""

from edgecore.frame import Frame

__all__ = ["Frame"]
