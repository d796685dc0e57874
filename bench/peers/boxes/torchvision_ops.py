"""torchvision's batched_nms, C++: it shifts or loops over classes, whichever it finds better."""

from __future__ import annotations

import numpy as np
import torch

try:
    import torchvision
    from torchvision.ops import batched_nms
except RuntimeError as reason:  # a torchvision built for another torch
    raise ImportError(f"torchvision does not load beside torch {torch.__version__}") from reason

from bench.peers.boxes.suppressor import Suppressor
from edgecore.benchmark.boxes import IOU_THRESHOLD, Boxes

torch.set_num_threads(1)
NAME, VERSION = "torchvision", torchvision.__version__


def batched(boxes: Boxes) -> np.ndarray:
    with torch.inference_mode():
        parts = (torch.from_numpy(part) for part in boxes)
        return batched_nms(*parts, IOU_THRESHOLD).numpy()


def suppressors() -> list[Suppressor]:
    return [Suppressor("batched_nms", batched)]
