"""A frame's pixels in a flight: sums that tell them from others, or the pixels themselves."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecore.errors import FlightError

if TYPE_CHECKING:
    from edgecore.frame import Frame


def described(frame: Frame) -> dict[str, Any]:
    """What a flight says of a frame's pixels, of plain values."""
    return {"format": frame.format, "color": frame.color, "crc32": sums(frame)}


def sums(frame: Frame) -> list[int]:
    """CRC-32 of each plane's samples, row by row, without what lies between rows.

    The interpreter's lock is not held. It tells frames of a source from one another and damage from
    none; it is no proof against who forges.
    """
    return [zlib.crc32(np.ascontiguousarray(plane).data) for plane in frame.planes]


def packed(frame: Frame) -> bytes:
    """The samples of all planes, one after the other."""
    return b"".join(plane.tobytes() for plane in frame.planes)


def unpacked(data: bytes, line: Mapping[str, Any]) -> Frame:
    """The frame of `packed` samples, as its line describes it.

    Raises:
        FlightError: the line does, or the bytes do, not make a frame.
    """
    from edgecore.frame import Frame

    pixels, size = line.get("pixels"), line.get("size")
    if not isinstance(pixels, dict) or not isinstance(size, list) or len(size) != 2:
        raise FlightError(f"pixels, size: expected a table and two sides, got {pixels!r:.80}")
    kind: dict[str, Any] = {"format": pixels.get("format"), "color": pixels.get("color")}
    try:
        return Frame(data, size[0], size[1], **kind)
    except (TypeError, ValueError) as error:
        raise FlightError(f"pixels: {error}") from None
