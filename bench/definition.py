"""Definitions to judge answers by: readings of crop and chroma, and suppression at sizes
tests/reference takes minutes for. tests/vision/test_bench_definitions.py holds it to that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.peers.pixels.tensor import crop_box
from edgecore import Frame
from edgecore.benchmark.boxes import IOU_THRESHOLD, Boxes
from edgecore.benchmark.pixels import UInt8Array, Workload
from tests.reference import preprocess as reference

Float64Array = NDArray[np.float64]


class Error(NamedTuple):
    """Differences to a definition: pixel levels for float tensors, steps for integer ones."""

    largest: float
    mean: float
    definition: str


def pixel_definitions(
    workload: Workload, data: UInt8Array, interpolation: str
) -> dict[str, Float64Array]:
    """Every reading of the workload that is right, by name: two of chroma, three of a crop."""
    made = {}
    if workload.fit == "crop":
        left, top, width, height = crop_box(workload)
        whole = data.reshape(workload.height, workload.width, 3)
        part = np.ascontiguousarray(whole[top : top + height, left : left + width])
        square = Frame(part, width, height, workload.format)
        made["cropped first"] = _pixels(square, workload.size, "stretch", interpolation, "bilinear")
        frame = workload.frame(data)
        exact = workload.width * workload.size[0] / workload.height
        for name, columns in (
            ("cropped last", int(exact)),
            ("cropped last, rounded", round(exact)),
        ):
            size = workload.size[0], columns
            resized = _pixels(frame, size, "stretch", interpolation, "bilinear")
            start = (columns - workload.size[1]) // 2
            made[name] = resized[:, start : start + workload.size[1]]
        return made
    frame = workload.frame(data)
    if workload.format in ("rgb", "bgr"):
        return {"": _pixels(frame, workload.size, workload.fit, interpolation, "bilinear")}
    return {
        f"{chroma} chroma": _pixels(frame, workload.size, workload.fit, interpolation, chroma)
        for chroma in ("bilinear", "nearest")
    }


def pixel_error(
    workload: Workload, tensor: NDArray[np.generic], definitions: dict[str, Float64Array]
) -> Error:
    """The tensor's error to the definition it is nearest to."""
    if tensor.shape != (*workload.size, 3):
        tensor = tensor.transpose(1, 2, 0)
    in_steps = workload.dtype != "float32"
    levels = workload.levels(tensor)
    errors = []
    for name, wanted in definitions.items():
        difference = np.abs(np.rint(levels) - np.rint(wanted) if in_steps else levels - wanted)
        errors.append(Error(float(difference.max()), float(difference.mean()), name))
    return min(errors)


def _pixels(
    frame: Frame, size: tuple[int, int], fit: str, interpolation: str, chroma: str
) -> Float64Array:
    return reference.pixels(frame, size, fit=fit, interpolation=interpolation, chroma=chroma)


def suppressed(boxes: Boxes, iou_threshold: float = IOU_THRESHOLD) -> NDArray[np.int64]:
    """What tests.reference.nms keeps, with one vector operation for each box instead of a loop."""
    kept: list[int] = []
    stores = {int(c): _Kept(boxes.xyxy[boxes.class_id == c]) for c in np.unique(boxes.class_id)}
    for i in np.lexsort((np.arange(len(boxes.scores)), -boxes.scores)).tolist():
        if stores[int(boxes.class_id[i])].take(boxes.xyxy[i], np.float32(iou_threshold)):
            kept.append(i)
    return np.array(kept, np.int64)


class _Kept:
    """The kept boxes of one class, one array for each corner."""

    def __init__(self, boxes: NDArray[np.float32]) -> None:
        self._sides = np.empty((5, len(boxes)), np.float32)
        self._count = 0

    def take(self, box: NDArray[np.float32], threshold: np.float32) -> bool:
        x0, y0, x1, y1, area = self._sides[:, : self._count]
        width = np.minimum(x1, box[2]) - np.maximum(x0, box[0])
        height = np.minimum(y1, box[3]) - np.maximum(y0, box[1])
        inter = np.maximum(width, np.float32(0)) * np.maximum(height, np.float32(0))
        own = (box[2] - box[0]) * (box[3] - box[1])
        with np.errstate(invalid="ignore", divide="ignore"):
            if (inter / (area + own - inter) > threshold).any():
                return False
        self._sides[:4, self._count] = box
        self._sides[4, self._count] = own
        self._count += 1
        return True
