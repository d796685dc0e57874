"""The plain definition of greedy, class-aware non-maximum suppression. Slow on purpose."""

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]


def iou(kept: Float32Array, box: Float32Array) -> Float32Array:
    """Overlap of boxes (k, 4) with one, in float32, operations in the order of numerics.md."""
    zero = np.float32(0)
    width = np.minimum(kept[:, 2], box[2]) - np.maximum(kept[:, 0], box[0])
    height = np.minimum(kept[:, 3], box[3]) - np.maximum(kept[:, 1], box[1])
    inter = np.maximum(width, zero) * np.maximum(height, zero)
    kept_area = (kept[:, 2] - kept[:, 0]) * (kept[:, 3] - kept[:, 1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return inter / (kept_area + area - inter)


def by_falling_score(scores: Float32Array, score_threshold: float) -> list[int]:
    """Indices of the candidates; ties keep the lower index first, NaN is none."""
    candidates = [i for i in range(len(scores)) if scores[i] >= np.float32(score_threshold)]
    return sorted(candidates, key=lambda i: (-scores[i], i))


def nms(
    boxes: Float32Array,
    scores: Float32Array,
    class_id: NDArray[np.integer] | None = None,
    *,
    iou_threshold: float = 0.45,
    score_threshold: float = 0.0,
    max_detections: int | None = None,
) -> tuple[list[int], bool]:
    """Kept indices by falling score, and whether max_detections left one out."""
    kept: list[int] = []
    with np.errstate(invalid="ignore", divide="ignore", over="ignore", under="ignore"):
        for i in by_falling_score(scores, score_threshold):
            rivals = [k for k in kept if class_id is None or class_id[k] == class_id[i]]
            if np.any(iou(boxes[rivals], boxes[i]) > np.float32(iou_threshold)):
                continue
            if len(kept) == max_detections:
                return kept, True
            kept.append(i)
    return kept, False
