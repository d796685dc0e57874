"""The plain definition of greedy, class-aware non-maximum suppression. Slow on purpose."""

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]


def iou(kept: Float32Array, box: Float32Array) -> np.float32:
    """Overlap of two boxes in float32, in the order of operations that docs/numerics.md gives."""
    zero = np.float32(0)
    width = min(kept[2], box[2]) - max(kept[0], box[0])
    height = min(kept[3], box[3]) - max(kept[1], box[1])
    inter = max(width, zero) * max(height, zero)
    kept_area = (kept[2] - kept[0]) * (kept[3] - kept[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return np.float32(inter / (kept_area + area - inter))


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
    order = sorted(
        (i for i in range(len(scores)) if scores[i] >= np.float32(score_threshold)),
        key=lambda i: (-scores[i], i),
    )
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for i in order:
            rivals = [k for k in kept if class_id is None or class_id[k] == class_id[i]]
            if any(iou(boxes[k], boxes[i]) > np.float32(iou_threshold) for k in rivals):
                continue
            if len(kept) == max_detections:
                return kept, True
            kept.append(i)
    return kept, False
