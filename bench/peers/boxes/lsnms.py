"""lsnms (Rust): an R-tree a class."""

from __future__ import annotations

from importlib.metadata import version

import lsnms
import numpy as np

from bench.peers.boxes.suppressor import Suppressor, shifted
from edgecore.benchmark.boxes import IOU_THRESHOLD, Boxes

NAME, VERSION = "lsnms", version("lsnms")


def by_class(boxes: Boxes) -> np.ndarray:
    return lsnms.nms(boxes.xyxy, boxes.scores, IOU_THRESHOLD, 0.0, boxes.class_id)


def by_shift(boxes: Boxes) -> np.ndarray:
    return lsnms.nms(shifted(boxes), boxes.scores, IOU_THRESHOLD, 0.0)


def suppressors() -> list[Suppressor]:
    return [Suppressor("class_ids", by_class), Suppressor("shifted", by_shift)]
