"""Ultralytics' own suppression, which it uses where torchvision is not imported."""

from __future__ import annotations

import numpy as np
import torch
import ultralytics
from ultralytics.utils.nms import TorchNMS

from bench.peers.boxes.suppressor import Suppressor, shifted
from edgecore.benchmark.boxes import IOU_THRESHOLD, Boxes

torch.set_num_threads(1)
NAME, VERSION = "ultralytics", ultralytics.__version__


def own(boxes: Boxes) -> np.ndarray:
    with torch.inference_mode():
        xyxy, scores = torch.from_numpy(shifted(boxes)), torch.from_numpy(boxes.scores)
        return TorchNMS.nms(xyxy, scores, IOU_THRESHOLD).numpy()


def suppressors() -> list[Suppressor]:
    return [Suppressor("TorchNMS.nms", own)]
