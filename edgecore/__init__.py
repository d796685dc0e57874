"""On-device runtime for camera ML: frames to TFLite detections to firmware commands."""
