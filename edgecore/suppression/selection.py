"""What a suppression that does more than drop boxes returns."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Selection(NamedTuple):
    """Some of the boxes, by falling score.

    Attributes:
        indices: int64 (k,), rows of the boxes given.
        scores: float32 (k,), as they are after the suppression.
        truncated: whether max_candidates or max_detections left any out.
    """

    indices: NDArray[np.int64]
    scores: NDArray[np.float32]
    truncated: bool


class Blend(NamedTuple):
    """Boxes made of several, by falling score.

    Attributes:
        indices: int64 (k,), row of the best of each.
        boxes: float32 (k, 4): x0, y0, x1, y1.
        scores: float32 (k,), of the best of each.
        keypoints: float32 (k, p, 2), or None where none were given.
        truncated: whether max_candidates or max_detections left any out.
    """

    indices: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    keypoints: NDArray[np.float32] | None
    truncated: bool
