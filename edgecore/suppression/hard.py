"""Greedy non-maximum suppression."""

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


def nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_id: NDArray[np.integer] | None = None,
    *,
    iou_threshold: float = 0.45,
    score_threshold: float = 0.0,
    max_detections: int | None = None,
    method: str = "hard",
) -> NDArray[np.int64]:
    """Indices of the boxes that greedy non-maximum suppression keeps.

    A box is kept unless a box of its class kept before it covers it with an IoU above the
    threshold. IoU is float32, inter / (area_kept + area - inter); classes are never offset.

    Args:
        boxes: float32 (n, 4), C-contiguous: x0, y0, x1, y1 in pixels, finite, x1 >= x0, y1 >= y0.
        scores: float32 (n,), C-contiguous; NaN is never kept.
        class_id: integers (n,), any values; None: all boxes are of one class.
        iou_threshold: unitless, in [0, 1].
        score_threshold: boxes with score >= this take part.
        max_detections: keep at most so many, at least 1; None: no bound but n.
        method: "hard"; "diou" lets IoU - d² / c² decide, d being the distance of the centres and c
            the diagonal of the smallest box around both (Zheng et al. 2020).

    Returns:
        int64 (k,), k <= n, by falling score; ties keep the lower index.

    Raises:
        TypeError: wrong dtype or layout; boxes and scores are never converted.
        ValueError: wrong shape, a box that is none, a threshold out of range, unknown method.

    Exactness: identical on every instruction set.
    """
    if method == "hard":
        try:
            kept = _native.nms(
                boxes, scores, class_id, score_threshold, iou_threshold, max_detections
            )
        except TypeError:
            kept = None
        if kept is not None:
            return kept
    return _nms_checked(
        boxes, scores, class_id, iou_threshold, score_threshold, max_detections, method
    )


def _nms_checked(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_id: NDArray[np.integer] | None,
    iou_threshold: float,
    score_threshold: float,
    max_detections: int | None,
    method: str,
) -> NDArray[np.int64]:
    """The same for arguments that the kernel did not take: converts what may be, or says why."""
    check_method(method, ("hard", "diou"))
    n = len(boxes) if isinstance(boxes, np.ndarray) and boxes.ndim else 0
    bounds = bounded(n, iou_threshold, score_threshold, max_detections, max(n, 1))
    check_boxes(boxes)
    check_floats("scores", scores, (n,))
    classes = None if class_id is None else class_column(class_id, n)
    if method == "diou":
        return _native.diou_nms(boxes, scores, classes, bounds)[0]
    most = max(n, 1) if max_detections is None else min(max_detections, max(n, 1))
    kept = _native.nms(boxes, scores, classes, score_threshold, iou_threshold, most)
    assert kept is not None, "the kernel refused arguments that were found to be usable"
    return kept
