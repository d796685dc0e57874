"""Where the planes of a frame lie in a slot: (offset, stride, bytes) of each."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from edgecore import _native
from edgecore.frame import PixelFormat, checked_choice, checked_side

if TYPE_CHECKING:
    from edgecore.frame import Frame, UInt8Array

Planes: TypeAlias = tuple[tuple[int, int, int], ...]


@lru_cache(maxsize=64)
def packed(format: PixelFormat, width: int, height: int) -> Planes:
    """The planes one after the other, without gaps.

    Raises:
        ValueError: unknown format, or a side out of range.
    """
    format = checked_choice("format", format, PixelFormat)
    width, height = checked_side("width", width), checked_side("height", height)
    planes, offset = [], 0
    for rows, columns, channels in _native.FrameLayout(format, width, height).shapes:
        stride = columns * channels
        planes.append((offset, stride, rows * stride))
        offset += rows * stride
    return tuple(planes)


def bytes_of(planes: Planes) -> int:
    """Bytes a slot needs for them."""
    return max(offset + length for offset, _, length in planes)


def planes_in(frame: Frame, memory: UInt8Array) -> Planes:
    """Where a frame's planes lie in the memory that it was made from; rows go downwards."""
    start = memory.ctypes.data
    return tuple(
        (
            plane.ctypes.data - start,
            plane.strides[0],
            plane.strides[0] * (len(plane) - 1) + plane[0].size,
        )
        for plane in frame.planes
    )
