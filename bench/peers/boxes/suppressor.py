"""One way to suppress, and the shift that keeps classes apart for libraries that know none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgecore.benchmark.boxes import SIDE, Boxes

STEP = np.float32(SIDE + 1)


@dataclass
class Suppressor:
    """`call(boxes)` gives the kept indices; it is not asked for more than `most` boxes, and why."""

    name: str
    call: Callable[[Boxes], np.ndarray]
    most: int = 1 << 30
    reason: str = ""


def shifted(boxes: Boxes) -> np.ndarray:
    """float32 (n, 4), boxes of different classes never overlapping."""
    return boxes.xyxy + (boxes.class_id.astype(np.float32) * STEP)[:, None]
