"""Suppression that lowers scores instead of dropping boxes."""

import math

import numpy as np
from numpy.typing import NDArray

from edgecore import _native
from edgecore.suppression.arguments import (
    bounded,
    check_boxes,
    check_floats,
    check_method,
    class_column,
)
from edgecore.suppression.selection import Selection


def soft_nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_id: NDArray[np.integer] | None = None,
    *,
    method: str = "linear",
    iou_threshold: float = 0.45,
    sigma: float = 0.5,
    score_threshold: float = 0.001,
    max_detections: int | None = None,
    max_candidates: int = 30000,
) -> Selection:
    """The boxes whose score is left after overlap with better ones has lowered it.

    The best box is taken and the scores of its class fall: "linear" by the factor 1 - IoU where IoU
    is above the threshold, "gaussian" by exp(-IoU² / sigma) wherever boxes overlap. Then the best
    of what is left is taken, until none reaches score_threshold.

    Args:
        boxes: float32 (n, 4), C-contiguous: x0, y0, x1, y1 in pixels, finite, x1 >= x0, y1 >= y0.
        scores: float32 (n,), C-contiguous; NaN is never kept.
        class_id: integers (n,), any values; None: all boxes are of one class.
        method: "linear" or "gaussian".
        iou_threshold: unitless, in [0, 1]; "linear" only.
        sigma: unitless, above 0; "gaussian" only.
        score_threshold: boxes whose score falls below it are left out.
        max_detections: keep at most so many, at least 1; None: no bound but n.
        max_candidates: at most so many boxes take part, the best ones. Work grows with its square.

    Returns:
        Indices and lowered scores by falling score (ties: the lower index), and whether a bound
        left any out.

    Raises:
        TypeError: wrong dtype or layout; boxes and scores are never converted.
        ValueError: wrong shape, a box that is none, a number out of range, unknown method.

    Exactness: identical on every instruction set.
    Algorithm: Bodla et al. 2017, "Soft-NMS", section 3.
    """
    check_method(method, ("linear", "gaussian"))
    check_boxes(boxes)
    n = len(boxes)
    check_floats("scores", scores, (n,))
    if not (math.isfinite(sigma) and sigma > 0):
        raise ValueError(f"sigma: expected a number above 0, got {sigma!r}")
    classes = None if class_id is None else class_column(class_id, n)
    bounds = bounded(n, iou_threshold, score_threshold, max_detections, max_candidates)
    indices, left, _, truncated = _native.soft_nms(
        boxes, scores, classes, bounds, method == "gaussian", sigma
    )
    return Selection(indices, left, truncated)
