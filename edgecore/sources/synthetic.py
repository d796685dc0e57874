"""The rendered road as a source, by its own clock or in real time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .source import Source

if TYPE_CHECKING:
    from edgecore.frame import Frame


@dataclass(frozen=True)
class SyntheticOptions:
    """What stands after `synthetic:?`.

    Attributes:
        seed: of the scenery; the traffic follows the scenario whatever the seed.
        fps: frames per second of scene time.
        duration: seconds of scene time until the source ends; 0 is without end.
        epoch_ns: CLOCK_MONOTONIC nanoseconds of scene time zero; None: such that the frame `first`
            is of the moment of opening.
        format: nv12 or rgb.
        first: number of the frame it begins with, unless an epoch and the clock say which.
        realtime: frames come by the clock, as a camera's do.
        width: pixels.
        height: pixels.
    """

    seed: int = 0
    fps: float = 20.0
    duration: float = 0.0
    epoch_ns: int | None = None
    format: Literal["nv12", "rgb"] = "nv12"
    first: int = 0
    realtime: bool = True
    width: int = 640
    height: int = 384


class SyntheticRoad(Source):
    """Frames on the grid epoch + k / fps; in real time none is rendered before its time."""

    def __init__(self, options: SyntheticOptions) -> None:
        from edgecore.synthetic import Road

        super().__init__()
        self._options = options
        self._road = Road(
            width=options.width, height=options.height, fps=options.fps, seed=options.seed
        )
        self.fps = options.fps
        self.live = False
        self.description = (
            f"synthetic road {options.width}x{options.height} at {options.fps:g} frames/s"
            + (", in real time" if options.realtime else "")
        )
        self._epoch_ns = (
            time.monotonic_ns() - round(options.first * 1e9 / options.fps)
            if options.epoch_ns is None
            else options.epoch_ns
        )
        if options.duration > 0:
            self.length = max(1, round(options.duration * options.fps))
        self._index = options.first
        self._end: int | None = None
        self._stop = threading.Event()

    def _begin(self) -> None:
        """Start at the first frame, or in real time at what it is now."""
        if self._options.realtime:
            self._index = max(0, self._now())
        self._end = self._index + (self.length or 2**62)

    def _now(self) -> int:
        """The frame whose time it is."""
        return int((time.monotonic_ns() - self._epoch_ns) * self._options.fps / 1e9)

    def _due_ns(self, index: int) -> int:
        return self._epoch_ns + round(index * 1e9 / self._options.fps)

    def _wait(self) -> None:
        """Sleep until the next frame is due; frames whose time passed meanwhile are dropped."""
        missed = min(self._now(), self._end or 0) - self._index
        if missed > 0:
            self.dropped += missed
            self._index += missed
        self._stop.wait(max(0.0, (self._due_ns(self._index) - time.monotonic_ns()) / 1e9))

    def __next__(self) -> Frame:
        from edgecore.frame import Frame
        from edgecore.synthetic import rgb_to_nv12

        if self._end is None:
            self._begin()
        if self._options.realtime:
            self._wait()
        if self._stop.is_set() or self._index >= (self._end or 0):
            raise StopIteration
        index, self._index = self._index, self._index + 1
        rgb, _ = self._road.render(index / self._options.fps)
        self.label = f"synthetic#{index}"
        pixels = rgb_to_nv12(rgb) if self._options.format == "nv12" else rgb
        return Frame(
            pixels,
            self._options.width,
            self._options.height,
            format=self._options.format,
            timestamp_ns=self._due_ns(index),
        )

    def interrupt(self) -> None:
        """End the iteration of a reader that waits for the next frame."""
        self._stop.set()

    def close(self) -> None:
        """End the iteration."""
        self._stop.set()
