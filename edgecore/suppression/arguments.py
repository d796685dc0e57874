"""Checks of what every suppression takes."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgecore import _native


def check_selection(iou_threshold: float, max_detections: int | None) -> None:
    """Raises ValueError unless the arguments every selection takes are usable."""
    if not 0.0 <= iou_threshold <= 1.0:
        raise ValueError(f"iou_threshold: expected a number in [0, 1], got {iou_threshold!r}")
    if max_detections is not None and max_detections < 1:
        raise ValueError(f"max_detections: expected at least 1, got {max_detections!r}")


def check_floats(name: str, array: NDArray[np.float32], shape: tuple[int | str, ...]) -> None:
    """Raises unless `array` is float32, C-contiguous and of this shape; a word is any length."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name}: expected a float32 ndarray, got {type(array).__name__}")
    if array.dtype != np.float32:
        raise TypeError(f"{name}: expected float32, got {array.dtype}")
    fits = len(array.shape) == len(shape) and all(
        want == got or isinstance(want, str) for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(str(side) for side in shape) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{name}: expected shape ({wanted}), got {array.shape}")
    if not array.flags.c_contiguous:
        raise TypeError(f"{name}: expected a C-contiguous array, got strides {array.strides}")


def class_column(class_id: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    """The class ids as the kernels take them; TypeError or ValueError where that cannot be."""
    if not isinstance(class_id, np.ndarray):
        raise TypeError(f"class_id: expected an integer ndarray, got {type(class_id).__name__}")
    if class_id.dtype.kind not in "iu" or class_id.dtype == np.uint64:
        raise TypeError(f"class_id: expected integers of up to int64, got {class_id.dtype}")
    if class_id.shape != (n,):
        raise ValueError(f"class_id: expected shape ({n},), got {class_id.shape}")
    return np.ascontiguousarray(class_id, dtype=np.int64)


def check_boxes(boxes: NDArray[np.float32]) -> None:
    """Raises TypeError or ValueError unless every row is a box x0, y0, x1, y1."""
    check_floats("boxes", boxes, ("n", 4))
    bad = _native.first_invalid_box(boxes)
    if bad < len(boxes):
        raise ValueError(
            f"boxes: expected finite x0, y0, x1, y1 with x1 >= x0 and y1 >= y0, "
            f"got {boxes[bad].tolist()} in row {bad}"
        )


def check_method(method: str, methods: Sequence[str]) -> None:
    """Raises ValueError unless `method` is one of `methods`."""
    if method not in methods:
        names = " or ".join(repr(name) for name in methods)
        raise ValueError(f"method: supported is {names}, got {method!r}")


def bounded(
    n: int,
    iou_threshold: float,
    score_threshold: float,
    max_detections: int | None,
    max_candidates: int,
) -> _native.BoundedSelection:
    """The bounds of a suppression of n boxes, checked."""
    check_selection(iou_threshold, max_detections)
    if math.isnan(score_threshold):
        raise ValueError("score_threshold: expected a number, got nan")
    if max_candidates < 1:
        raise ValueError(f"max_candidates: expected at least 1, got {max_candidates!r}")
    most = max(n, 1)
    return _native.BoundedSelection(
        score_threshold,
        iou_threshold,
        most if max_detections is None else min(max_detections, most),
        min(max_candidates, most),
    )
