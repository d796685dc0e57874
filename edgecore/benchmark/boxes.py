"""Seeded boxes for non-maximum suppression, in 640 x 640 pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SIDE = 640.0
COUNTS = (100, 1000, 8400, 25200)
IOU_THRESHOLD = 0.45


class Boxes(NamedTuple):
    """xyxy float32 (n, 4), scores float32 (n,), class ids int64 (n,)."""

    xyxy: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int64]


def clustered(n: int, seed: int = 7) -> Boxes:
    """What a detector gives: n / 20 objects of 80 classes, about 20 boxes around each.

    Boxes jitter by 5 % of the object's size; one in ten has another class than its object.
    """
    draw = np.random.default_rng(seed)
    objects = max(n // 20, 1)
    owner = draw.integers(0, objects, n)
    centre = draw.uniform(0, SIDE, (objects, 2))[owner]
    size = draw.uniform(16, 200, (objects, 2))[owner]
    centre = centre + draw.normal(0, 0.05, (n, 2)) * size
    size = size * np.exp(draw.normal(0, 0.05, (n, 2)))
    class_id = draw.integers(0, 80, objects)[owner]
    class_id = np.where(draw.random(n) < 0.1, draw.integers(0, 80, n), class_id)
    return _boxes(centre, size, class_id, draw)


def dense(n: int, seed: int = 7) -> Boxes:
    """A crowd: boxes of 40 to 200 pixels anywhere, 4 classes; each overlaps many of its class."""
    draw = np.random.default_rng(seed)
    centre = draw.uniform(0, SIDE, (n, 2))
    return _boxes(centre, draw.uniform(40, 200, (n, 2)), draw.integers(0, 4, n), draw)


def disjoint(n: int, seed: int = 7) -> Boxes:
    """The worst case of a greedy search: a grid of boxes that do not touch, 80 classes."""
    draw = np.random.default_rng(seed)
    columns = int(np.ceil(np.sqrt(n)))
    step = SIDE / columns
    place = draw.permutation(columns * columns)[:n]
    centre = (np.stack([place % columns, place // columns], axis=1) + 0.5) * step
    return _boxes(centre, np.full((n, 2), 0.7 * step), draw.integers(0, 80, n), draw)


KINDS: dict[str, Callable[[int], Boxes]] = {
    "clustered": clustered,
    "dense": dense,
    "disjoint": disjoint,
}


def _boxes(
    centre: npt.NDArray[np.floating],
    size: npt.NDArray[np.floating],
    class_id: npt.NDArray[np.int64],
    draw: np.random.Generator,
) -> Boxes:
    xyxy = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    xyxy = np.clip(xyxy, 0, SIDE).astype(np.float32)
    return Boxes(xyxy, draw.uniform(0.05, 1.0, len(xyxy)).astype(np.float32), class_id)
