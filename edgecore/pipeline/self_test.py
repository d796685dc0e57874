"""A new model on recorded frames, before it gets any that matter."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgecore import sources
from edgecore.errors import ModelError

from .trial import p99

if TYPE_CHECKING:
    from edgecore.detections import Detections
    from edgecore.frame import Frame

    from .engine_model import Detects

SAME_IOU = 0.5
"""Boxes of one class that overlap by as much are of one object."""


class Measured(NamedTuple):
    """What a self-test measured.

    Attributes:
        frames: it ran.
        p99_ms: 99 of 100 frames took no longer, milliseconds.
    """

    frames: int
    p99_ms: float


@dataclass(frozen=True)
class SelfTest:
    """Recorded frames, and what a new model must make of them.

    Attributes:
        frames: frames, or what `edgecore.sources.open` opens: a video, a folder of pictures.
        expected: detections in each frame, in their order: of the old model, or made by hand.
        min_found: share of the expected boxes that must be found again, with the same class name
            and an IoU of 0.5.
        judge: gets the detections of all frames; returns why the model is refused, or None.
        max_latency_ms: 99 of 100 frames may take so long in the child, while the old model runs
            beside it; None: any time.

    Raises:
        ValueError: a share or time out of range.
    """

    frames: str | Path | Sequence[Frame]
    expected: Sequence[Detections] | None = None
    min_found: float = 0.9
    judge: Callable[[Sequence[Detections]], str | None] | None = None
    max_latency_ms: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min_found <= 1:
            raise ValueError(f"self-test: expected min_found in [0, 1], got {self.min_found:g}")
        if self.max_latency_ms is not None and not 0 < self.max_latency_ms < math.inf:
            raise ValueError(
                f"self-test: expected a positive max_latency_ms, got {self.max_latency_ms:g}"
            )

    def run(self, detector: Detects) -> Measured:
        """Run it and judge it.

        Raises:
            ModelError: it is not what was expected.
            EdgecoreError: the frames cannot be read, or the model failed on one.
        """
        found: list[Detections] = []
        taken_ms: list[float] = []
        with self._opened() as frames:
            for frame in frames:
                begun_s = time.perf_counter()
                found.append(detector.detect(frame))
                taken_ms.append((time.perf_counter() - begun_s) * 1e3)
        if not found:
            raise ModelError("self-test: expected recorded frames, got none")
        p99_ms = p99(taken_ms)
        if self.max_latency_ms is not None and p99_ms > self.max_latency_ms:
            raise ModelError(
                f"self-test: expected at most {self.max_latency_ms:.1f} ms for 99 of 100 frames, "
                f"got {p99_ms:.1f} ms"
            )
        self._compare(found)
        if self.judge is not None and (why := self.judge(found)) is not None:
            raise ModelError(f"self-test: {why}")
        return Measured(len(found), p99_ms)

    def _compare(self, found: Sequence[Detections]) -> None:
        if self.expected is None:
            return
        if len(self.expected) != len(found):
            raise ModelError(
                f"self-test: expected detections of {len(self.expected)} frames, "
                f"got {len(found)} frames"
            )
        boxes = sum(map(len, self.expected))
        again = sum(map(found_again, self.expected, found))
        if again < self.min_found * boxes:
            raise ModelError(
                f"self-test: expected {self.min_found:.0%} of {boxes} boxes to be found again, "
                f"got {again}"
            )

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Iterator[Frame]]:
        if not isinstance(self.frames, str | Path):
            yield iter(self.frames)
            return
        source = sources.open(self.frames)
        try:
            if source.live:
                raise ModelError(f"self-test: expected recorded frames, got {self.frames}")
            yield source
        finally:
            source.close()


def found_again(expected: Detections, found: Detections) -> int:
    """How many expected boxes are among those found; none counts for two of them."""
    free = list(range(len(found)))
    count = 0
    for box, name in zip(expected.xyxy, expected.class_name, strict=True):
        low = np.maximum(box[:2], found.xyxy[free, :2])
        high = np.minimum(box[2:], found.xyxy[free, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        sides = found.xyxy[free, 2:] - found.xyxy[free, :2]
        both = np.prod(sides, axis=1) + np.prod(box[2:] - box[:2]) - shared
        for place in np.argsort(-shared / np.maximum(both, 1e-9)):
            if shared[place] < SAME_IOU * both[place]:
                break
            if found.class_name[free[place]] == name:
                del free[place]
                count += 1
                break
    return count
