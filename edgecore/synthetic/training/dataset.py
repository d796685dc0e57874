"""A fixed set of rendered scenes on disk, at the size the network sees them."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import edgecore
from edgecore.synthetic import CLASS_NAMES, rgb_to_nv12
from edgecore.synthetic.scene import Truth
from edgecore.synthetic.training.scenes import HEIGHT, WIDTH, drives, scenes

INPUT_SIZE = (192, 320)
"""Height and width of the network's input: half the synthetic source's."""

MOST_OBJECTS = 32
SMALLEST_PX = 10
"""Height in the source's pixels below which an object does not count."""

FIRST_TRAINING_SEED = 10_000
"""Seeds below it are for judging: places and drives that training never shows."""


class Scenes(NamedTuple):
    """n scenes.

    Attributes:
        pictures: uint8 (n, h, w, 3) RGB of INPUT_SIZE.
        boxes: float32 (n, MOST_OBJECTS, 4): x0, y0, x1, y1 in pixels of the picture.
        classes: int8 (n, MOST_OBJECTS) class ids, -1 behind the last object.
        counted: bool (n, MOST_OBJECTS): to be found; the others are neither right nor wrong.
    """

    pictures: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int8]
    counted: npt.NDArray[np.bool_]


def load(folder: Path) -> Scenes:
    """The set that `render` left in `folder`, its pictures mapped and not read."""
    pictures: npt.NDArray[np.uint8] = np.load(folder / "pictures.npy", mmap_mode="r")
    return Scenes(pictures, *(np.load(folder / f"{name}.npy") for name in Scenes._fields[1:]))


def render(
    folder: Path,
    places: int,
    per_place: int,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Render `places` * `per_place` scenes into `folder`; every third place is a live drive.

    What is rendered does not depend on the number of workers.

    Args:
        folder: made if need be.
        places: seeds from FIRST_TRAINING_SEED on, each with its weather, road and models.
        per_place: scenes at each.
        workers: processes that render.
        progress: called with the places done and their total.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total = places * per_place
    pictures = np.lib.format.open_memmap(
        folder / "pictures.npy", "w+", np.uint8, (total, *INPUT_SIZE, 3)
    )
    tables = []
    with ProcessPoolExecutor(workers) as pool:
        made = pool.map(_place, range(places), [per_place] * places)
        for place, part in enumerate(made):
            pictures[place * per_place : (place + 1) * per_place] = part.pictures
            tables.append(part[1:])
            progress(place + 1, places)
    pictures.flush()
    for name, parts in zip(Scenes._fields[1:], zip(*tables, strict=True), strict=True):
        np.save(folder / f"{name}.npy", np.concatenate(parts))


def as_seen(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The picture as it reaches the network: through NV12, as a camera delivers it, and shrunk."""
    frame = edgecore.Frame(rgb_to_nv12(picture), WIDTH, HEIGHT, format="nv12")
    seen: npt.NDArray[np.uint8] = edgecore.preprocess(frame, size=INPUT_SIZE, dtype="uint8")
    return seen


def is_counted(truth: Truth) -> bool:
    """Whether an object is large and clear enough that a detector should find it."""
    x0, y0, x1, y1 = truth.xyxy
    return y1 - y0 >= SMALLEST_PX and x1 - x0 >= SMALLEST_PX / 3 and truth.visible >= 0.4


def _place(place: int, count: int) -> Scenes:
    seed = FIRST_TRAINING_SEED + place
    samples = drives(seed, count) if place % 3 == 0 else scenes(seed, count)
    made = Scenes(
        np.empty((count, *INPUT_SIZE, 3), np.uint8),
        np.zeros((count, MOST_OBJECTS, 4), np.float32),
        np.full((count, MOST_OBJECTS), -1, np.int8),
        np.zeros((count, MOST_OBJECTS), bool),
    )
    shrink = INPUT_SIZE[0] / HEIGHT
    for index, (picture, truths) in enumerate(samples):
        made.pictures[index] = as_seen(picture)
        for row, truth in enumerate(truths[:MOST_OBJECTS]):
            made.boxes[index, row] = [edge * shrink for edge in truth.xyxy]
            made.classes[index, row] = CLASS_NAMES.index(truth.class_name)
            made.counted[index, row] = is_counted(truth)
    return made
