"""OpenCV's batched suppression; its IoU is float32, its boxes are corner and size."""

from __future__ import annotations

import cv2
import numpy as np

from bench.peers.boxes.suppressor import Suppressor
from edgecore.benchmark.boxes import IOU_THRESHOLD, Boxes

cv2.setNumThreads(1)
NAME, VERSION = "opencv", cv2.__version__


def batched(boxes: Boxes) -> np.ndarray:
    corner = boxes.xyxy.astype(np.float64)
    corner[:, 2:] -= corner[:, :2]
    kept = cv2.dnn.NMSBoxesBatched(
        corner.tolist(), boxes.scores.tolist(), boxes.class_id.tolist(), 0.0, IOU_THRESHOLD
    )
    return np.asarray(kept, np.int64).reshape(-1)


def suppressors() -> list[Suppressor]:
    return [Suppressor("NMSBoxesBatched", batched)]
