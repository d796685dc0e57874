"""What a careful engineer writes today: OpenCV for the pixels, NumPy for the boxes.

Preprocess: one NV12 conversion, one resize to the letterbox's inner size, one padded buffer kept
between frames, quantisation through a 256-entry table. Decode: candidates are found in the raw int8
scores, only survivors are dequantised, and cv2.dnn.NMSBoxesBatched keeps the classes apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

cv2.setNumThreads(1)


@dataclass
class Preprocess:
    """NV12 (h * 3 / 2, w) to a letterboxed int8 (size, size, 3), 1/255 and zero point -128."""

    size: int
    pad: int = 114
    _levels: Any = field(init=False)
    _out: Any = field(init=False)

    def __post_init__(self) -> None:
        self._levels = (np.arange(256) - 128).astype(np.int8).view(np.uint8)
        self._out = np.full((1, self.size, self.size, 3), self.pad - 128, np.int8)

    def __call__(self, nv12: np.ndarray) -> np.ndarray:
        height, width = nv12.shape[0] * 2 // 3, nv12.shape[1]
        rgb = cv2.cvtColor(nv12, cv2.COLOR_YUV2RGB_NV12)
        gain = min(self.size / height, self.size / width)
        inner = round(width * gain), round(height * gain)
        small = cv2.resize(rgb, inner, interpolation=cv2.INTER_LINEAR)
        left, top = (self.size - inner[0]) // 2, (self.size - inner[1]) // 2
        target = self._out[0, top : top + inner[1], left : left + inner[0]]
        target[...] = cv2.LUT(small, self._levels).view(np.int8)
        return self._out


def decode_yolov8(
    raw: np.ndarray, scale: float, zero_point: int, size: int, score: float, iou: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes xyxy in model pixels, scores and class ids of an int8 (1, 4 + classes, n) tensor."""
    scores = raw[0, 4:]
    level = int(np.floor(score / scale)) + zero_point
    best = scores.max(axis=0)
    chosen = np.flatnonzero(best > level)
    class_id = scores[:, chosen].argmax(axis=0)
    confidence = (best[chosen].astype(np.float32) - zero_point) * scale
    xywh = (raw[0, :4, chosen].astype(np.float32) - zero_point) * (scale * size)
    corner = np.concatenate([xywh[:, :2] - xywh[:, 2:] / 2, xywh[:, 2:]], axis=1)
    kept = np.asarray(
        cv2.dnn.NMSBoxesBatched(
            corner.tolist(), confidence.tolist(), class_id.tolist(), score, iou
        ),
        dtype=np.intp,
    ).reshape(-1)
    xyxy = np.concatenate([corner[:, :2], corner[:, :2] + corner[:, 2:]], axis=1)
    return xyxy[kept], confidence[kept], class_id[kept]
