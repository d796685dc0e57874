"""Ultralytics' own way with a .tflite file; the frame is first made BGR, as it wants it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import ultralytics

NAME = "ultralytics"
VERSION = ultralytics.__version__


def detector(model: Path) -> Callable[[np.ndarray], int]:
    logging.getLogger("ultralytics").setLevel(logging.ERROR)
    yolo = ultralytics.YOLO(str(model), task="detect")

    def detect(nv12: np.ndarray) -> int:
        bgr = cv2.cvtColor(nv12, cv2.COLOR_YUV2BGR_NV12)
        (result,) = yolo.predict(bgr, conf=0.25, iou=0.45, imgsz=640, verbose=False)
        return len(result.boxes)

    return detect
