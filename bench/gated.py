"""A source for measurements: one frame in memory, given as often as it is told to."""

from __future__ import annotations

import threading

from edgecore.frame import Frame
from edgecore.sources import Source


class Gated(Source):
    """Loses nothing, and gives nothing until `open`."""

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self._frame, self._closed = frame, False
        self._allowed = threading.Semaphore(0)

    def open(self, frames: int) -> None:
        """Give so many more."""
        self._allowed.release(frames)

    def __next__(self) -> Frame:
        self._allowed.acquire()
        if self._closed:
            raise StopIteration
        return self._frame

    def interrupt(self) -> None:
        self._closed = True
        self._allowed.release()

    def close(self) -> None:
        self._closed = True
