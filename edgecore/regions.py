"""Regions of a frame, as native plans take them: whole numbers of 1/256 pixels."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgecore import _native
from edgecore.frame import MAX_SIDE, Frame

SUBPIXELS: Final = _native.SUBPIXELS


def checked_regions(name: str, regions: Any) -> npt.NDArray[np.int64]:
    """One region, or (n, 4) of them, as (n, 4) in 1/256 pixels, where a frame can have them."""
    array = np.asarray(regions)
    one = name == "roi"
    if array.dtype.kind not in "fiu" or (one and array.shape != (4,)):
        raise TypeError(f"{name} must be (x0, y0, x1, y1), got {regions!r}")
    if not one and (array.ndim != 2 or array.shape[1] != 4):
        raise ValueError(f"{name} must have shape (n, 4), got {array.shape}")
    if not (array >= 0).all() or not (array <= MAX_SIDE).all():
        raise ValueError(f"{name} must lie inside the frame, got {regions!r}")
    edges = np.rint(array.reshape(-1, 4) * float(SUBPIXELS)).astype(np.int64)
    if (edges[:, :2] >= edges[:, 2:]).any():
        raise ValueError(
            f"{name} must be (x0, y0, x1, y1) with x0 < x1 and y0 < y1, got {regions!r}"
        )
    return edges


def check_inside(regions: npt.NDArray[np.int64], frame: Frame) -> None:
    """Raise if one of `regions` reaches beyond the frame."""
    far = regions[:, 2:].max(axis=0, initial=0)
    if far[0] > frame.width * SUBPIXELS or far[1] > frame.height * SUBPIXELS:
        got = (far / SUBPIXELS).tolist()
        raise ValueError(
            f"regions must lie inside the frame of {frame.width}x{frame.height} pixels, "
            f"got edges up to {tuple(got)}"
        )
