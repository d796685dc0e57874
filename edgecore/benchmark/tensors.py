"""Seeded raw head tensors: a picture's worth of objects on a quiet background."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgecore import heads

Float32Array = npt.NDArray[np.float32]

YOLO_SIZE = (640, 640)
YOLO_ANCHORS = 8400
YOLO_CLASSES = 80
YOLO_QUANTIZATION = (1.0 / 255.0, -128)
OBJECTS = 20
BOXES_AN_OBJECT = 12
SCORE_THRESHOLD = 0.25
IOU_THRESHOLD = 0.45
MAX_DETECTIONS = 300


def yolov8(seed: int = 7) -> Float32Array:
    """float32 (1, 84, 8400), boxes as parts of the input's sides: cx, cy, w, h, 80 scores.

    20 objects fire at 12 anchors each; all other scores lie below 0.02, as a trained model's do.
    """
    draw = np.random.default_rng(seed)
    raw = np.empty((1, 4 + YOLO_CLASSES, YOLO_ANCHORS), np.float32)
    raw[0, :2] = draw.uniform(0, 1, (2, YOLO_ANCHORS))
    raw[0, 2:4] = draw.uniform(0.02, 0.4, (2, YOLO_ANCHORS))
    raw[0, 4:] = draw.uniform(0, 0.02, (YOLO_CLASSES, YOLO_ANCHORS))
    firing = draw.permutation(YOLO_ANCHORS)[: OBJECTS * BOXES_AN_OBJECT]
    owner = np.arange(len(firing)) % OBJECTS
    centre, size = draw.uniform(0.2, 0.8, (2, OBJECTS)), draw.uniform(0.05, 0.3, (2, OBJECTS))
    jitter = draw.normal(0, 0.03, (4, len(firing)))
    raw[0, :2, firing] = (centre[:, owner] + jitter[:2] * size[:, owner]).T
    raw[0, 2:4, firing] = (size[:, owner] * np.exp(jitter[2:])).T
    class_id = draw.integers(0, YOLO_CLASSES, OBJECTS)[owner]
    raw[0, 4 + class_id, firing] = draw.uniform(0.2, 0.95, len(firing))
    return raw


SSD_SIZE = (300, 300)
SSD_ANCHORS = 1917
SSD_CLASSES = 90
SSD_CODER = (10.0, 10.0, 5.0, 5.0)
SSD_BOX_QUANTIZATION = (0.06, 0)
SSD_SCORE_QUANTIZATION = (0.08, 40)


def ssd_head() -> heads.SsdRaw:
    """The raw SSD head, 90 classes at 300 x 300."""
    return heads.SsdRaw(SSD_CLASSES, SSD_SIZE)


def ssd(seed: int = 7) -> tuple[Float32Array, Float32Array]:
    """Codes (1, 1917, 4) as ty, tx, th, tw, and logits (1, 1917, 91), 0 the background.

    20 objects fire at 6 neighbouring anchors each; all other logits lie below -4.
    """
    draw = np.random.default_rng(seed)
    codes = draw.normal(0, 0.5, (1, SSD_ANCHORS, 4)).astype(np.float32)
    logits = draw.uniform(-8, -4, (1, SSD_ANCHORS, 1 + SSD_CLASSES)).astype(np.float32)
    firing = (draw.permutation(SSD_ANCHORS // 6)[:OBJECTS, None] * 6 + np.arange(6)).reshape(-1)
    class_id = draw.integers(1, 1 + SSD_CLASSES, OBJECTS).repeat(6)
    logits[0, firing, class_id] = draw.uniform(-1, 4, len(firing))
    return codes, logits


def quantized(
    real: Float32Array, quantization: tuple[float, int] = YOLO_QUANTIZATION
) -> npt.NDArray[np.int8]:
    """The tensor as int8: rint(real / scale) + zero_point, clamped."""
    scale, zero_point = quantization
    levels: npt.NDArray[np.int8] = np.clip(
        np.rint(real / np.float32(scale)) + zero_point, -128, 127
    ).astype(np.int8)
    return levels
