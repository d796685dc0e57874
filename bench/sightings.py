"""What a detector would see of rendered drives, and how well a tracker keeps things apart.

The road is rendered wider than the camera's picture; the picture is a window of it that pans and
shakes. Boxes, hidden parts and identities are the renderer's; misses, low scores, jitter and false
boxes are dice.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edgecore.synthetic import CLASS_NAMES, Road

PICTURE = (640, 384)
WIDE = (960, 576)
FPS = 20.0
SECONDS = 12.0
GONE_S = 1.0
"""Who comes back after so long is somebody new: as the renderer's traffic comes round again."""


class Seen(NamedTuple):
    """One frame: n boxes, and of which object each is; -1 is of none."""

    t_ns: int
    xyxy: np.ndarray
    confidence: np.ndarray
    class_id: np.ndarray
    number: np.ndarray


@dataclass(frozen=True)
class Motion:
    """How the camera's picture moves over the wide one, pixels at 640 x 384."""

    name: str
    pan_px: float = 0.0
    pan_hz: float = 0.0
    shake_px: float = 0.0

    def at(self, t_s: float, rng: np.random.Generator) -> tuple[float, float]:
        """The window's corner at this time."""
        turn = 2 * np.pi * self.pan_hz * t_s
        shake_x, shake_y = rng.normal(0, self.shake_px, 2) if self.shake_px else (0.0, 0.0)
        x = (WIDE[0] - PICTURE[0]) / 2 + self.pan_px * np.sin(turn) + 0.4 * shake_x
        y = (WIDE[1] - PICTURE[1]) / 2 + shake_y
        return float(np.clip(x, 0, WIDE[0] - PICTURE[0])), float(
            np.clip(y, 0, WIDE[1] - PICTURE[1])
        )


MOTIONS = (
    Motion("steady"),
    Motion("shaking", shake_px=7.0),
    Motion("panning", pan_px=150.0, pan_hz=0.25),
    Motion("both", pan_px=100.0, pan_hz=0.3, shake_px=5.0),
)


@functools.cache
def rendered(seed: int) -> list[tuple[np.ndarray, ...]]:
    """Boxes, visible shares, classes and numbers of every frame of a drive, in the wide picture."""
    road = Road(*WIDE, seed=seed)
    frames = []
    for index in range(round(SECONDS * FPS)):
        _, truths = road.render(4.0 + index / FPS)
        frames.append(
            (
                np.array([truth.xyxy for truth in truths]).reshape(-1, 4),
                np.array([truth.visible for truth in truths]),
                np.array([CLASS_NAMES.index(truth.class_name) for truth in truths], np.int32),
                np.array([truth.number for truth in truths]),
            )
        )
    return frames


def seen_drive(seed: int, motion: Motion) -> list[Seen]:
    """The drive of `Road(seed)` as a middling detector sees it."""
    rng = np.random.default_rng((seed, 7))
    drive = []
    for index, (wide, visible, classes, numbers) in enumerate(rendered(seed)):
        corner = np.tile(motion.at(index / FPS, rng), 2)
        boxes = np.clip(wide - corner, 0, [*PICTURE, *PICTURE])
        drive.append(_detected(rng, index, boxes, wide, visible, classes, numbers))
    return drive


def _detected(
    rng: np.random.Generator,
    index: int,
    boxes: np.ndarray,
    wide: np.ndarray,
    visible: np.ndarray,
    classes: np.ndarray,
    numbers: np.ndarray,
) -> Seen:
    sides = boxes[:, 2:] - boxes[:, :2]
    inside = sides.prod(axis=1) / (wide[:, 2:] - wide[:, :2]).prod(axis=1)
    share = visible * np.clip(inside, 0, 1)
    score = np.clip(0.35 + 0.5 * share + rng.normal(0, 0.1, len(boxes)), 0, 0.99)
    score -= 0.15 * (sides.min(axis=1, initial=99) < 10)
    found = (sides.min(axis=1, initial=99) >= 5) & (share > 0.3) & (rng.random(len(boxes)) > 0.05)
    jitter = rng.normal(0, 0.03, boxes.shape) * np.tile(sides, (1, 2)) + rng.normal(
        0, 0.4, boxes.shape
    )
    noisy = np.clip(boxes + jitter, 0, [*PICTURE, *PICTURE])
    false = rng.poisson(0.3)
    corner = rng.uniform(0, 1, (false, 2)) * (np.array(PICTURE) - 60)
    strays = np.hstack([corner, corner + rng.uniform(10, 60, (false, 2))])
    order = rng.permutation(int(found.sum()) + false)
    return Seen(
        10**12 + round(index * 1e9 / FPS),
        np.concatenate([noisy[found], strays]).astype(np.float32)[order],
        np.concatenate([score[found], rng.uniform(0.1, 0.6, false)]).astype(np.float32)[order],
        np.concatenate([classes[found], rng.integers(0, 3, false)]).astype(np.int32)[order],
        np.concatenate([numbers[found], np.full(false, -1)])[order],
    )


def crowd(objects: int, frames: int = 120) -> list[Seen]:
    """Objects that move through a 1080p picture, each as good as always found."""
    rng = np.random.default_rng(objects)
    middle, speed = rng.uniform(0, (1920, 1080), (objects, 2)), rng.normal(0, 60, (objects, 2))
    half = rng.uniform(20, 90, (objects, 2)) / 2
    seen = []
    for index in range(frames):
        at = middle + speed * index / FPS
        boxes = np.hstack([at - half, at + half]) + rng.normal(0, 0.04, (objects, 4)) * np.tile(
            half, 2
        )
        found = rng.random(objects) > 0.03
        seen.append(
            Seen(
                10**12 + round(index * 1e9 / FPS),
                boxes[found].astype(np.float32),
                rng.uniform(0.3, 0.95, int(found.sum())).astype(np.float32),
                np.zeros(int(found.sum()), np.int32),
                np.flatnonzero(found),
            )
        )
    return seen


class Verdict(NamedTuple):
    """How a tracker did.

    Attributes:
        switches: times that an object bore another id than the last one it had.
        mixed: of those, times that the id had been another object's.
        ids: different ids given to objects.
        objects: objects sighted at least three times.
        untracked: share of sightings of an object without an id.
    """

    switches: int
    mixed: int
    ids: int
    objects: int
    untracked: float


Track = Callable[[Seen], np.ndarray]
"""From one frame to its boxes' ids, -1 for none."""


def judged(track: Track, drive: Iterable[Seen]) -> Verdict:
    """Let a tracker follow a drive."""
    last: dict[int, int] = {}
    owner: dict[int, tuple[int, int]] = {}
    turn: dict[int, int] = {}
    sighted: dict[tuple[int, int], int] = {}
    when: dict[int, int] = {}
    switches = mixed = missing = total = 0
    ids = set()
    for seen in drive:
        given = track(seen)
        for number, tracker_id in zip(seen.number.tolist(), given.tolist(), strict=True):
            if number < 0:
                continue
            if seen.t_ns - when.get(number, seen.t_ns) > GONE_S * 1e9:
                turn[number] = turn.get(number, 0) + 1
                last.pop(number, None)
            when[number] = seen.t_ns
            who = (number, turn.get(number, 0))
            sighted[who] = sighted.get(who, 0) + 1
            total += 1
            if tracker_id < 0:
                missing += 1
                continue
            ids.add(tracker_id)
            if last.get(number, tracker_id) != tracker_id:
                switches += 1
                mixed += owner.get(tracker_id, who) != who
            last[number] = tracker_id
            owner[tracker_id] = who
    objects = sum(count >= 3 for count in sighted.values())
    return Verdict(switches, mixed, len(ids), objects, missing / max(total, 1))
