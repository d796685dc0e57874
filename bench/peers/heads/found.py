"""What a decoder found, and one way to find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Found(NamedTuple):
    """xyxy (n, 4) in pixels of the input, confidence (n,), class id (n,); in any order."""

    xyxy: np.ndarray
    confidence: np.ndarray
    class_id: np.ndarray


@dataclass
class Decoder:
    """`call(job)`; `note` says what was left out of its time."""

    name: str
    call: Callable[[Any], Found]
    note: str = ""


class YoloJob(NamedTuple):
    """(1, 84, 8400), normalised boxes; float32 tensors have scale 1 and zero point 0."""

    raw: np.ndarray
    scale: float
    zero_point: int


class SsdJob(NamedTuple):
    """Codes (1, n, 4), logits (1, n, 1 + classes), anchors (n, 4); a scale and zero point each."""

    codes: np.ndarray
    logits: np.ndarray
    anchors: np.ndarray
    code_quantization: tuple[float, int]
    logit_quantization: tuple[float, int]
