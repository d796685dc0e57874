"""supervision (Roboflow): it makes the whole n x n matrix of overlaps first."""

from __future__ import annotations

import numpy as np
import supervision
from supervision.detection.utils.iou_and_nms import box_non_max_suppression

from bench.peers.boxes.suppressor import Suppressor
from edgecore.benchmark.boxes import IOU_THRESHOLD, Boxes

NAME, VERSION = "supervision", supervision.__version__


def matrix(boxes: Boxes) -> np.ndarray:
    columns = boxes.xyxy, boxes.scores[:, None], boxes.class_id[:, None].astype(np.float32)
    return np.flatnonzero(box_non_max_suppression(np.hstack(columns), IOU_THRESHOLD))


def suppressors() -> list[Suppressor]:
    return [Suppressor("box_non_max_suppression", matrix, 8400, "needs an n x n matrix: gigabytes")]
