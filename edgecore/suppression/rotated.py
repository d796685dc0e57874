"""Suppression of turned boxes."""

import numpy as np
from numpy.typing import NDArray

from edgecore import _native
from edgecore.suppression.arguments import bounded, check_floats, class_column
from edgecore.suppression.selection import Selection

_MOST_RADIANS = 1000.0


def rotated_nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_id: NDArray[np.integer] | None = None,
    *,
    iou_threshold: float = 0.45,
    score_threshold: float = 0.0,
    max_detections: int | None = None,
    max_candidates: int = 30000,
) -> Selection:
    """Greedy suppression, as `edgecore.nms`, of boxes that are turned around their centres.

    Args:
        boxes: float32 (n, 5), C-contiguous: centre x, centre y, width, height in pixels, and the
            turn in radians, from the x axis towards the y axis, at most 1000 either way.
        scores: float32 (n,), C-contiguous; NaN is never kept.
        class_id: integers (n,), any values; None: all boxes are of one class.
        iou_threshold: unitless, in [0, 1].
        score_threshold: boxes with score >= this take part.
        max_detections: keep at most so many, at least 1; None: no bound but n.
        max_candidates: at most so many boxes take part, the best ones. Work grows with its square.

    Returns:
        Indices and scores by falling score, ties keep the lower index.

    Raises:
        TypeError: wrong dtype or layout; boxes and scores are never converted.
        ValueError: wrong shape, a number that is not finite, a negative side, a larger turn.

    Exactness: identical on every machine; areas are float64.
    Algorithm: Sutherland and Hodgman 1974 for the intersection.
    """
    check_floats("boxes", boxes, ("n", 5))
    n = len(boxes)
    usable = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:4] >= 0).all(axis=1)
    usable &= np.abs(boxes[:, 4]) <= _MOST_RADIANS
    if not usable.all():
        bad = int(np.argmin(usable))
        raise ValueError(
            f"boxes: expected finite x, y, width >= 0, height >= 0 and a turn of at most 1000 "
            f"radians, got {boxes[bad].tolist()} in row {bad}"
        )
    check_floats("scores", scores, (n,))
    classes = None if class_id is None else class_column(class_id, n)
    bounds = bounded(n, iou_threshold, score_threshold, max_detections, max_candidates)
    indices, kept, _, truncated = _native.rotated_nms(boxes, scores, classes, bounds)
    return Selection(indices, kept, truncated)
