"""Plain decoders of raw heads: everything is dequantised, every threshold is a float32 number."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgecore.heads import Ssd, YoloV5, YoloV8
from tests.reference.nms import nms

Float32Array = NDArray[np.float32]


class Plain(NamedTuple):
    """Detections in pixels of the model's input."""

    xyxy: Float32Array
    confidence: Float32Array
    class_id: NDArray[np.int32]
    truncated: bool


def dequantize(raw: NDArray[np.generic], scale: float, zero_point: int) -> Float32Array:
    if raw.dtype == np.float32:
        return raw
    return (raw.astype(np.int32) - zero_point).astype(np.float32) * np.float32(scale)


def best_class(scores: Float32Array) -> tuple[NDArray[np.int64], Float32Array]:
    """The first class of the largest score in each row; NaN loses against everything."""
    comparable = np.where(np.isnan(scores), np.float32(-np.inf), scores)
    number = comparable.argmax(axis=1)
    return number, np.take_along_axis(scores, number[:, None], axis=1)[:, 0]


def corners(centre: Float32Array, head: YoloV5 | YoloV8) -> Float32Array:
    height, width = head.input_size if head.normalized else (1, 1)
    scale = np.array([width, height], np.float32)
    middle = centre[:, :2] * scale
    size = centre[:, 2:4]
    half = np.where(size < 0, np.float32(0), size) * scale * np.float32(0.5)
    return np.concatenate([middle - half, middle + half], axis=1)


def yolo(
    raw: NDArray[np.generic],
    head: YoloV5 | YoloV8,
    scale: float = 0.0,
    zero_point: int = 0,
    *,
    score_threshold: float,
    iou_threshold: float,
    max_detections: int,
) -> Plain:
    threshold = np.float32(score_threshold)
    rows = dequantize(raw, scale, zero_point)[0]
    if isinstance(head, YoloV8) and not head.transposed:
        rows = rows.T
    with np.errstate(invalid="ignore", over="ignore"):
        boxes = corners(rows[:, :4], head)
        if isinstance(head, YoloV5):
            number, score = best_class(rows[:, 5:])
            objectness = rows[:, 4]
            score = np.where(objectness >= threshold, objectness * score, np.float32(-np.inf))
        else:
            number, score = best_class(rows[:, 4:])
    score = np.where(np.isfinite(boxes).all(axis=1), score, np.float32(-np.inf))
    candidates = np.flatnonzero(score >= threshold)
    boxes, score, number = boxes[candidates], score[candidates], number[candidates]
    kept, truncated = nms(
        boxes,
        score,
        number,
        iou_threshold=iou_threshold,
        score_threshold=score_threshold,
        max_detections=max_detections,
    )
    return Plain(boxes[kept], score[kept], number[kept].astype(np.int32), truncated)


def ssd(
    outputs: list[NDArray[np.generic]],
    head: Ssd,
    quantization: list[tuple[float, int]] | None = None,
    *,
    score_threshold: float,
    max_detections: int,
) -> Plain:
    pairs = quantization or [(0.0, 0)] * len(outputs)
    real = [dequantize(raw, *pair) for raw, pair in zip(outputs, pairs, strict=True)]
    filled = round(float(real[head.count][0])) if head.count is not None else None
    boxes = real[head.boxes][0, :filled]
    score = real[head.scores][0, :filled]
    number = real[head.classes][0, :filled]
    height, width = head.input_size
    with np.errstate(invalid="ignore", over="ignore"):
        y0, x0, y1, x1 = (boxes * np.array([height, width, height, width], np.float32)).T
        xyxy = np.stack([x0, y0, np.where(x1 < x0, x0, x1), np.where(y1 < y0, y0, y1)], axis=1)
        usable = np.isfinite(xyxy).all(axis=1) & (np.abs(np.rint(number)) < 2.0**31)
        usable &= score >= np.float32(score_threshold)
    order = sorted(np.flatnonzero(usable), key=lambda i: (-score[i], i))
    chosen = np.array(order[:max_detections], np.int64)
    return Plain(
        xyxy[chosen],
        score[chosen],
        np.rint(number[chosen]).astype(np.int32),
        len(order) > max_detections,
    )
