"""MediaPipe's object detector; the frame is first made RGB, as it wants it."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from pathlib import Path

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

NAME = "mediapipe"
VERSION = mp.__version__


def detector(model: Path) -> Callable[[np.ndarray], int]:
    options = vision.ObjectDetectorOptions(
        base_options=BaseOptions(model_asset_path=str(model)), score_threshold=0.25
    )
    found = vision.ObjectDetector.create_from_options(options)
    atexit.register(found.close)

    def detect(nv12: np.ndarray) -> int:
        rgb = cv2.cvtColor(nv12, cv2.COLOR_YUV2RGB_NV12)
        picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)
        return len(found.detect(picture).detections)

    return detect
