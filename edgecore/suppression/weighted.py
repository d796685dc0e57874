"""Suppression that blends boxes."""

import numpy as np
from numpy.typing import NDArray

from edgecore import _native
from edgecore.suppression.arguments import bounded, check_boxes, check_floats, class_column
from edgecore.suppression.selection import Blend


def weighted_nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_id: NDArray[np.integer] | None = None,
    *,
    keypoints: NDArray[np.float32] | None = None,
    iou_threshold: float = 0.3,
    score_threshold: float = 0.0,
    max_detections: int | None = None,
    max_candidates: int = 30000,
) -> Blend:
    """Each box that suppression keeps, blended with those that it suppresses.

    The best box and all of its class that overlap it with an IoU above the threshold become one:
    the mean of their coordinates and keypoints, weighted by score, with the best one's score. It
    steadies boxes from frame to frame, as in MediaPipe's face detector.

    Args:
        boxes: float32 (n, 4), C-contiguous: x0, y0, x1, y1 in pixels, finite, x1 >= x0, y1 >= y0.
        scores: float32 (n,), C-contiguous; NaN is never kept.
        class_id: integers (n,), any values; None: all boxes are of one class.
        keypoints: float32 (n, p, 2), C-contiguous, pixels.
        iou_threshold: unitless, in [0, 1].
        score_threshold: boxes with score >= this take part.
        max_detections: keep at most so many, at least 1; None: no bound but n.
        max_candidates: at most so many boxes take part, the best ones.

    Returns:
        Blended boxes by falling score, ties: the lower index of the best one.

    Raises:
        TypeError: wrong dtype or layout; nothing but class_id is converted.
        ValueError: wrong shape, a box that is none, a threshold out of range.

    Exactness: identical on every instruction set; sums are float64.
    Algorithm: Bazarevsky et al. 2019, "BlazeFace", section 3.3.
    """
    check_boxes(boxes)
    n = len(boxes)
    check_floats("scores", scores, (n,))
    rows = boxes
    if keypoints is not None:
        check_floats("keypoints", keypoints, (n, "p", 2))
        rows = np.concatenate([boxes, keypoints.reshape(n, keypoints.shape[1] * 2)], axis=1)
    classes = None if class_id is None else class_column(class_id, n)
    bounds = bounded(n, iou_threshold, score_threshold, max_detections, max_candidates)
    indices, best, values, truncated = _native.weighted_nms(rows, scores, classes, bounds)
    blended = values.reshape(len(indices), rows.shape[1])
    points = None
    if keypoints is not None:
        points = blended[:, 4:].reshape(len(indices), keypoints.shape[1], 2)
    return Blend(indices, np.ascontiguousarray(blended[:, :4]), best, points, truncated)
