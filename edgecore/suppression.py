"""Non-maximum suppression."""

import math

import numpy as np
from numpy.typing import NDArray

from edgecore import _native


def check_selection(iou_threshold: float, max_detections: int | None) -> None:
    """Raises ValueError unless the arguments every selection takes are usable."""
    if not 0.0 <= iou_threshold <= 1.0:
        raise ValueError(f"iou_threshold: expected a number in [0, 1], got {iou_threshold!r}")
    if max_detections is not None and max_detections < 1:
        raise ValueError(f"max_detections: expected at least 1, got {max_detections!r}")


def _check_floats(name: str, array: NDArray[np.float32], shape: tuple[int | str, ...]) -> None:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name}: expected a float32 ndarray, got {type(array).__name__}")
    if array.dtype != np.float32:
        raise TypeError(f"{name}: expected float32, got {array.dtype}")
    fits = len(array.shape) == len(shape) and all(
        want in ("n", got) for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(str(side) for side in shape) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{name}: expected shape ({wanted}), got {array.shape}")
    if not array.flags.c_contiguous:
        raise TypeError(f"{name}: expected a C-contiguous array, got strides {array.strides}")


def _class_column(class_id: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    if not isinstance(class_id, np.ndarray):
        raise TypeError(f"class_id: expected an integer ndarray, got {type(class_id).__name__}")
    if class_id.dtype.kind not in "iu" or class_id.dtype == np.uint64:
        raise TypeError(f"class_id: expected integers of up to int64, got {class_id.dtype}")
    if class_id.shape != (n,):
        raise ValueError(f"class_id: expected shape ({n},), got {class_id.shape}")
    return np.ascontiguousarray(class_id, dtype=np.int64)


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
        method: "hard".

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
    if method != "hard":
        raise ValueError(f"method: supported is 'hard', got {method!r}")
    check_selection(iou_threshold, max_detections)
    if math.isnan(score_threshold):
        raise ValueError("score_threshold: expected a number, got nan")
    _check_floats("boxes", boxes, ("n", 4))
    n = len(boxes)
    _check_floats("scores", scores, (n,))
    classes = None if class_id is None else _class_column(class_id, n)
    bound = max(n, 1) if max_detections is None else min(max_detections, max(n, 1))
    kept = _native.nms(boxes, scores, classes, score_threshold, iou_threshold, bound)
    if kept is None:
        bad = _native.first_invalid_box(boxes)
        raise ValueError(
            f"boxes: expected finite x0, y0, x1, y1 with x1 >= x0 and y1 >= y0, "
            f"got {boxes[bad].tolist()} in row {bad}"
        )
    return kept
