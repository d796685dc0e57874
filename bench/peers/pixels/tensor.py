"""The padded tensor that a chain fills, and its way from 8-bit pixels to tensor values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecore.benchmark.pixels import Workload


@dataclass
class Chain:
    """One way to do a workload: frame bytes in, tensor out, (h, w, 3) or planar (3, h, w)."""

    name: str
    call: Callable[[np.ndarray], np.ndarray]


def placement(workload: Workload) -> tuple[int, int, int, int]:
    """Left, top, width, height of the picture in the tensor."""
    height, width = workload.size
    if workload.fit != "letterbox":
        return 0, 0, width, height
    gain = min(width / workload.width, height / workload.height)
    inner_w, inner_h = round(workload.width * gain), round(workload.height * gain)
    return (width - inner_w) // 2, (height - inner_h) // 2, inner_w, inner_h


def crop_box(workload: Workload) -> tuple[int, int, int, int]:
    """Left, top, width, height of the part of the frame that is used."""
    if workload.fit != "crop":
        return 0, 0, workload.width, workload.height
    height, width = workload.size
    gain = max(width / workload.width, height / workload.height)
    used_w, used_h = round(width / gain), round(height / gain)
    return (workload.width - used_w) // 2, (workload.height - used_h) // 2, used_w, used_h


class Tensor:
    """Memory of one model input, padded once; `picture` is the 8-bit picture to be put into it.

    For uint8 inputs `picture` is the tensor's own memory.
    """

    def __init__(self, workload: Workload) -> None:
        left, top, width, height = placement(workload)
        pad = np.full((*workload.size, 3), 114.0)
        self.whole = to_values(pad, workload).astype(workload.dtype)
        self.inner = self.whole[top : top + height, left : left + width]
        self.picture = (
            self.inner if workload.dtype == "uint8" else np.empty((height, width, 3), np.uint8)
        )
        self.size = width, height
        self._bytes = self.inner.view(np.uint8) if workload.dtype == "int8" else None
        self._gain, self._offset = gain_and_offset(workload)

    def fill(self, picture: np.ndarray) -> np.ndarray:
        """The tensor with this 8-bit RGB picture in it, by NumPy."""
        if self._bytes is not None:
            np.bitwise_xor(picture, 0x80, out=self._bytes)
        elif self.inner.dtype == np.float32:
            np.multiply(picture, self._gain, out=self.inner)
            if self._offset.any():
                np.add(self.inner, self._offset, out=self.inner)
        elif picture is not self.inner:
            np.copyto(self.inner, picture)
        return self.whole


def gain_and_offset(workload: Workload) -> tuple[Any, np.ndarray]:
    """value = pixel * gain + offset; gain is a scalar where the channels share it."""
    std = np.asarray(workload.values.get("std", 1.0), np.float64)
    mean = np.asarray(workload.values.get("mean", 0.0), np.float64)
    return (1 / std).astype(np.float32)[()], (-mean / std).astype(np.float32)


def to_values(levels: np.ndarray, workload: Workload) -> np.ndarray:
    """Tensor values of pixel levels."""
    if workload.dtype == "float32":
        gain, offset = gain_and_offset(workload)
        return levels * gain + offset
    return levels + workload.values.get("zero_point", 0)
