"""Plain definitions of suppression by other measures and to other ends. Slow on purpose."""

import math

import numpy as np
from numpy.typing import NDArray

from tests.reference.elementary import exponential
from tests.reference.nms import by_falling_score, iou

Float32Array = NDArray[np.float32]
F = np.float32


def same(class_id, a: int, b: int) -> bool:
    return class_id is None or class_id[a] == class_id[b]


def diou(kept: Float32Array, box: Float32Array) -> np.float32:
    across = (kept[0] + kept[2]) * F(0.5) - (box[0] + box[2]) * F(0.5)
    down = (kept[1] + kept[3]) * F(0.5) - (box[1] + box[3]) * F(0.5)
    width = max(kept[2], box[2]) - min(kept[0], box[0])
    height = max(kept[3], box[3]) - min(kept[1], box[1])
    far = (across * across + down * down) / (width * width + height * height)
    return iou(kept[None], box)[0] - far


def greedy(scores, class_id, overlap, iou_threshold, score_threshold=0.0, most=None, among=None):
    """Indices, and whether a bound left any out; overlap(kept, candidate) takes indices."""
    order = by_falling_score(scores, score_threshold)
    kept: list[int] = []
    truncated = among is not None and len(order) > among
    with np.errstate(all="ignore"):
        for i in order[:among]:
            if any(same(class_id, k, i) and overlap(k, i) > iou_threshold for k in kept):
                continue
            if len(kept) == most:
                return kept, True
            kept.append(i)
    return kept, truncated


def soft(boxes, scores, class_id, method, iou_threshold, sigma, score_threshold, most, among):
    order = by_falling_score(scores, score_threshold)
    left = {i: scores[i] for i in order[:among]}
    kept: list[tuple[int, np.float32]] = []
    with np.errstate(all="ignore"):
        while left:
            if len(kept) == most:
                return kept, True
            leader = min(left, key=lambda i: (-left[i], i))
            kept.append((leader, left.pop(leader)))
            for i in list(left):
                if not same(class_id, leader, i):
                    continue
                overlap = iou(boxes[leader][None], boxes[i])[0]
                if method == "gaussian" and overlap > 0:
                    falls = np.array([-(overlap * overlap) / F(sigma)], np.float32)
                    left[i] = left[i] * exponential(falls)[0]
                elif method == "linear" and overlap > F(iou_threshold):
                    left[i] = left[i] * (F(1) - overlap)
                if not left[i] >= F(score_threshold):
                    del left[i]
    return kept, len(order) > among


def weighted(rows, scores, class_id, iou_threshold, score_threshold, most, among):
    """Index of the best and the blended row of each group."""
    order = by_falling_score(scores, score_threshold)
    left = order[:among]
    found = []
    with np.errstate(all="ignore"):
        while left:
            if len(found) == most:
                return found, True
            leader = left[0]
            group = [
                i
                for i in left
                if same(class_id, leader, i)
                and (i == leader or iou(rows[leader, :4][None], rows[i, :4])[0] > F(iou_threshold))
            ]
            total, sums = 0.0, [0.0] * rows.shape[1]
            for i in group:
                total += float(scores[i])
                sums = [s + float(scores[i]) * float(v) for s, v in zip(sums, rows[i], strict=True)]
            mean = [F(s / total) for s in sums] if total > 0 else list(rows[leader])
            found.append((leader, mean))
            left = [i for i in left if i not in group]
    return found, len(order) > among


def turn(angle: float) -> tuple[float, float]:
    """Cosine and sine."""
    quarters = round(angle * 0.6366197723675814)
    r = (angle - quarters * 1.5707963109016418) - quarters * 1.5893254773528196e-08
    sine = cosine = 0.0
    for k in range(16, -1, -2):
        sign = -1.0 if k % 4 else 1.0
        sine = sine * (r * r) + sign / math.factorial(k + 1)
        cosine = cosine * (r * r) + sign / math.factorial(k)
    sine = sine * r
    return [(cosine, sine), (-sine, cosine), (-cosine, -sine), (sine, -cosine)][quarters % 4]


def cut(polygon, side):
    """What lies where side(point) >= 0."""
    out = []
    for i, start in enumerate(polygon):
        stop = polygon[(i + 1) % len(polygon)]
        before, after = side(start), side(stop)
        if before >= 0:
            out.append(start)
        if (before >= 0) != (after >= 0) and len(out) < 8:
            part = before / (before - after)
            out.append(tuple(a + (b - a) * part for a, b in zip(start, stop, strict=True)))
        if len(out) == 8:
            break
    return out


def rotated_iou(kept: Float32Array, box: Float32Array) -> float:
    kx, ky, kw, kh, ka = (float(v) for v in kept)
    x, y, w, h, a = (float(v) for v in box)
    kw, kh, w, h, kept_area, area = 0.5 * kw, 0.5 * kh, 0.5 * w, 0.5 * h, kw * kh, w * h
    (kc, ks), (c, s) = turn(ka), turn(a)
    across, down = x - kx, y - ky
    if abs(across) > kw + kh + (w + h) or abs(down) > kw + kh + (w + h):
        return 0.0
    middle_x, middle_y = across * kc + down * ks, down * kc - across * ks
    cosine, sine = c * kc + s * ks, s * kc - c * ks
    polygon = [
        (
            middle_x + i * w * cosine - j * h * sine,
            middle_y + i * w * sine + j * h * cosine,
        )
        for i, j in ((1, 1), (-1, 1), (-1, -1), (1, -1))
    ]
    for side in (
        lambda p: kw - p[0],
        lambda p: kw + p[0],
        lambda p: kh - p[1],
        lambda p: kh + p[1],
    ):
        polygon = cut(polygon, side)
    twice = 0.0
    for i, (ax, ay) in enumerate(polygon):
        bx, by = polygon[(i + 1) % len(polygon)]
        twice += ax * by - bx * ay
    inter = 0.5 * twice if twice > 0 else 0.0
    both = kept_area + area - inter
    return inter / both if both else math.nan
