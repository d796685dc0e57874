"""powerboxes (Rust): a greedy search and one over an R-tree."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import powerboxes

from bench.peers.boxes.suppressor import Suppressor, shifted
from edgecore.benchmark.boxes import IOU_THRESHOLD, Boxes

NAME, VERSION = "powerboxes", version("powerboxes")


def greedy(boxes: Boxes) -> np.ndarray:
    scores = boxes.scores.astype(np.float64)
    return powerboxes.nms(shifted(boxes), scores, IOU_THRESHOLD, 0.0)


def tree(boxes: Boxes) -> np.ndarray:
    scores = boxes.scores.astype(np.float64)
    return powerboxes.rtree_nms(shifted(boxes), scores, IOU_THRESHOLD, 0.0)


def suppressors() -> list[Suppressor]:
    return [Suppressor("nms", greedy), Suppressor("rtree_nms", tree)]
