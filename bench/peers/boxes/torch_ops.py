"""Plain torch operations: one sweep of vector operations for each kept box."""

from __future__ import annotations

import numpy as np
import torch

from bench.peers.boxes.suppressor import Suppressor, shifted
from edgecore.benchmark.boxes import IOU_THRESHOLD, Boxes

torch.set_num_threads(1)
NAME, VERSION = "torch", torch.__version__


def sweep(boxes: Boxes) -> np.ndarray:
    with torch.inference_mode():
        xyxy = torch.from_numpy(shifted(boxes))
        order = torch.from_numpy(boxes.scores).argsort(descending=True)
        sides = xyxy[order]
        areas = (sides[:, 2:] - sides[:, :2]).prod(1)
        kept = []
        while len(order):
            kept.append(int(order[0]))
            low = torch.maximum(sides[0, :2], sides[1:, :2])
            high = torch.minimum(sides[0, 2:], sides[1:, 2:])
            inter = (high - low).clamp_(min=0).prod(1)
            rest = inter <= IOU_THRESHOLD * (areas[0] + areas[1:] - inter)
            order, sides, areas = order[1:][rest], sides[1:][rest], areas[1:][rest]
    return np.array(kept, np.int64)


def suppressors() -> list[Suppressor]:
    return [Suppressor("vector operations", sweep)]
