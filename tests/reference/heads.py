"""Plain decoders of raw heads: everything is dequantised, every threshold is a float32 number."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgecore.heads import EndToEnd, Ssd, YoloV5, YoloV8, YoloV8Dfl, YoloX
from tests.reference.elementary import exponential, sigmoid
from tests.reference.nms import nms

Float32Array = NDArray[np.float32]
F = np.float32
NEVER = np.float32(-np.inf)


class Plain(NamedTuple):
    """Detections in pixels of the model's input."""

    xyxy: Float32Array
    confidence: Float32Array
    class_id: NDArray[np.int32]
    truncated: bool
    keypoints: Float32Array | None = None


@dataclass
class Options:
    """What to keep."""

    score_threshold: float = 0.25
    iou_threshold: float = 0.45
    max_detections: int = 300
    class_agnostic: bool = False
    multi_label: bool = False
    category_allowlist: tuple[int, ...] | None = None
    category_denylist: tuple[int, ...] | None = None

    def allows(self, number: int) -> bool:
        if self.category_allowlist is not None:
            return number in self.category_allowlist
        return number not in (self.category_denylist or ())


def dequantize(raw: NDArray[np.generic], scale: float, zero_point: int) -> Float32Array:
    if raw.dtype == np.float32:
        return raw
    return (raw.astype(np.int32) - zero_point).astype(np.float32) * np.float32(scale)


def labels(rank: Float32Array, options: Options) -> list[tuple[int, int]]:
    """Anchor and class: of the largest rank of each anchor, the lower class first, or of all."""
    found = []
    for anchor, row in enumerate(rank):
        usable = [c for c in range(len(row)) if options.allows(c) and not np.isnan(row[c])]
        if options.multi_label:
            found += [(anchor, c) for c in usable]
        elif usable:
            found.append((anchor, max(usable, key=lambda c: (row[c], -c))))
    return found


def select(
    boxes: Float32Array,
    rank: Float32Array,
    scores: Float32Array,
    options: Options,
    keypoints: Float32Array | None = None,
    suppressed: bool = False,
) -> Plain:
    """Boxes (n, 4), what classes of an anchor are compared by and the scores (n, classes)."""
    pairs = [
        (anchor, c)
        for anchor, c in labels(rank, options)
        if scores[anchor, c] >= F(options.score_threshold) and np.isfinite(boxes[anchor]).all()
    ]
    anchors = np.array([anchor for anchor, _ in pairs], np.int64)
    number = np.array([c for _, c in pairs], np.int64)
    score = scores[anchors, number] if pairs else np.empty(0, np.float32)
    if suppressed:
        order = sorted(range(len(pairs)), key=lambda i: (-score[i], i))
        kept, truncated = order[: options.max_detections], len(order) > options.max_detections
    else:
        kept, truncated = nms(
            boxes[anchors],
            score,
            None if options.class_agnostic else number,
            iou_threshold=options.iou_threshold,
            score_threshold=options.score_threshold,
            max_detections=options.max_detections,
        )
    points = None if keypoints is None else keypoints[anchors[kept]]
    return Plain(
        boxes[anchors[kept]], score[kept], number[kept].astype(np.int32), truncated, points
    )


def around(centre: Float32Array, size: Float32Array) -> Float32Array:
    half = np.where(size < 0, F(0), size) * F(0.5)
    return np.concatenate([centre - half, centre + half], axis=1)


def sides(head: Any) -> Float32Array:
    height, width = head.input_size if getattr(head, "normalized", True) else (1, 1)
    return np.array([width, height], np.float32)


def yolo(
    raw: NDArray[np.generic],
    head: YoloV5 | YoloV8 | YoloX,
    scale: float = 0.0,
    zero_point: int = 0,
    **options: Any,
) -> Plain:
    rows = dequantize(raw, scale, zero_point)[0]
    if isinstance(head, YoloV8) and not head.transposed:
        rows = rows.T
    with np.errstate(invalid="ignore", over="ignore"):
        if isinstance(head, YoloX):
            boxes = rows[:, :4] if head.decoded else yolox_boxes(rows[:, :4], head)
            boxes = around(boxes[:, :2], boxes[:, 2:])
        else:
            boxes = around(rows[:, :2] * sides(head), rows[:, 2:4] * sides(head))
        if isinstance(head, YoloV8):
            return select(boxes, rows[:, 4:], rows[:, 4:], Options(**options))
        reaches = rows[:, 4:5] >= F(options["score_threshold"])
        scores = np.where(reaches, rows[:, 4:5] * rows[:, 5:], NEVER)
        return select(boxes, rows[:, 5:], scores, Options(**options))


def yolox_boxes(codes: Float32Array, head: YoloX) -> Float32Array:
    boxes = []
    row = 0
    for rows, columns, stride in head.grids:
        for y in range(rows):
            for x in range(columns):
                cell = np.array([x, y], np.float32)
                centre = (codes[row, :2] + cell) * F(stride)
                boxes.append(np.concatenate([centre, exponential(codes[row, 2:]) * F(stride)]))
                row += 1
    return np.array(boxes, np.float32).reshape(-1, 4)


def dfl(
    boxes: list[Float32Array], logits: list[Float32Array], head: YoloV8Dfl, **options: Any
) -> Plain:
    """Dequantised (rows, columns, 4 * bins) and (rows, columns, classes) of each stride."""
    corners = []
    for (rows, columns, stride), distances in zip(head.grids, boxes, strict=True):
        for y in range(rows):
            for x in range(columns):
                left, top, right, bottom = (
                    mean_bin(one) for one in distances[y, x].reshape(4, head.bins)
                )
                centre_x, centre_y = F(x) + F(0.5), F(y) + F(0.5)
                ends = [centre_x - left, centre_y - top, centre_x + right, centre_y + bottom]
                corners.append([end * F(stride) for end in ends])
    all_logits = np.concatenate([one.reshape(-1, head.num_classes) for one in logits])
    xyxy = np.array(corners, np.float32).reshape(-1, 4)
    return select(xyxy, all_logits, sigmoid(all_logits), Options(**options))


def mean_bin(logits: Float32Array) -> np.float32:
    largest = logits[0]
    for logit in logits[1:]:
        largest = max(logit, largest) if not np.isnan(logit) else largest
    total = weighted = F(0)
    with np.errstate(all="ignore"):
        for i, logit in enumerate(logits):
            weight = exponential(np.array([logit - largest], np.float32))[0]
            total = total + weight
            weighted = weighted + weight * F(i)
        return weighted / total


def ordered(corners: Float32Array) -> Float32Array:
    x0, y0, x1, y1 = corners.T
    return np.stack([x0, y0, np.where(x1 < x0, x0, x1), np.where(y1 < y0, y0, y1)], axis=1)


def finished(boxes: Float32Array, score: Float32Array, number: Float32Array, options: Options):
    """Rows that the model has suppressed: boxes, scores and class numbers side by side."""
    usable = np.isfinite(boxes).all(axis=1) & (np.abs(np.rint(number)) < 2.0**31)
    usable &= score >= F(options.score_threshold)
    rows = [i for i in np.flatnonzero(usable) if options.allows(int(np.rint(number[i])))]
    order = sorted(rows, key=lambda i: (-score[i], i))
    chosen = np.array(order[: options.max_detections], np.int64)
    return Plain(
        boxes[chosen],
        score[chosen],
        np.rint(number[chosen]).astype(np.int32),
        len(order) > options.max_detections,
    )


def end_to_end(
    raw: NDArray[np.generic], head: EndToEnd, scale: float, zero_point: int, **options: Any
) -> Plain:
    rows = dequantize(raw, scale, zero_point)[0]
    with np.errstate(invalid="ignore", over="ignore"):
        boxes = ordered(rows[:, :4] * np.tile(sides(head), 2))
        return finished(boxes, rows[:, 4], rows[:, 5], Options(**options))


def ssd(
    outputs: list[NDArray[np.generic]],
    head: Ssd,
    quantization: list[tuple[float, int]] | None = None,
    **options: Any,
) -> Plain:
    pairs = quantization or [(0.0, 0)] * len(outputs)
    real = [dequantize(raw, *pair) for raw, pair in zip(outputs, pairs, strict=True)]
    filled = round(float(real[head.count][0])) if head.count is not None else None
    height, width = head.input_size
    with np.errstate(invalid="ignore", over="ignore"):
        boxes = real[head.boxes][0, :filled] * np.array([height, width] * 2, np.float32)
        return finished(
            ordered(boxes[:, [1, 0, 3, 2]]),
            real[head.scores][0, :filled],
            real[head.classes][0, :filled],
            Options(**options),
        )
