"""Sources and detectors for tests of the pipeline: frames that know their number."""

from __future__ import annotations

import queue
import threading
from typing import Any

import numpy as np

from edgecore.detections import Detections
from edgecore.errors import SourceError
from edgecore.frame import Frame
from edgecore.sources import Source


def frame_of(number: int) -> Frame:
    return Frame(np.full((2, 2, 3), number % 256, np.uint8), 2, 2, "rgb")


def number_of(frame: Frame) -> int:
    return int(frame.planes[0][0, 0, 0])


class File(Source):
    """So many frames as fast as they are taken; instead of one in `broken` comes an error."""

    def __init__(self, count: int, broken: tuple[int, ...] = (), resumable: bool = False) -> None:
        super().__init__()
        self.resumable = resumable
        self.closed = False
        self._count, self._broken, self._next = count, broken, 0

    def __next__(self) -> Frame:
        if self._next == self._count:
            raise StopIteration
        number, self._next = self._next, self._next + 1
        self.label = f"file#{number}"
        if number in self._broken:
            raise SourceError(f"frame {number}: damaged")
        return frame_of(number)

    def close(self) -> None:
        self.closed = True


class Camera(Source):
    """A live source that gives what the test hands it, when the test says so."""

    live = True

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self._frames: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._asked = threading.Semaphore(0)

    def shoot(self, number: int) -> None:
        """One frame, and wait until the reader has put it into the slot and asks for the next."""
        self._frames.put(frame_of(number))
        self._asked.acquire()

    def end(self) -> None:
        self._frames.put(None)

    def ready(self) -> None:
        """Wait for the reader's first question."""
        self._asked.acquire()

    def __next__(self) -> Frame:
        self._asked.release()
        frame = self._frames.get()
        if frame is None:
            raise StopIteration
        return frame

    def interrupt(self) -> None:
        self._frames.put(None)

    def close(self) -> None:
        self.closed = True


def found(number: int) -> Detections:
    """One box that tells a number."""
    return Detections(
        xyxy=np.array([[number, 0, number + 1, 1]], np.float32),
        confidence=np.ones(1, np.float32),
        class_id=np.zeros(1, np.int32),
        class_name=["number"],
    )


class Reader:
    """Finds the frame's number; each invocation first passes the gate, if there is one."""

    def __init__(self, gate: threading.Semaphore | None = None) -> None:
        self.gate = gate
        self.begun = threading.Semaphore(0)

    def detect(self, frame: Frame) -> Detections:
        self.begun.release()
        if self.gate is not None:
            self.gate.acquire()
        return found(number_of(frame))


class StagedReader(Reader):
    """The same in stages: what is prepared is what is read."""

    def prepare(self, frame: Frame, out: Any = None) -> Any:
        out = np.zeros(1, np.int64) if out is None else out
        out[0] = number_of(frame)
        return out

    def detect(self, frame: Frame, *, prepared: Any = None, state: Any = None) -> Detections:
        assert prepared is None or int(prepared[0]) == number_of(frame), "a buffer was overwritten"
        return super().detect(frame)

    def new_state(self) -> Any:
        return {}


class Adder(StagedReader):
    """Recurrent: finds the sum of all numbers that its state has seen."""

    def detect(self, frame: Frame, *, prepared: Any = None, state: Any = None) -> Detections:
        super().detect(frame, prepared=prepared)
        state[0] += number_of(frame)
        return found(int(state[0]))

    def new_state(self) -> Any:
        return {0: 0}


class Failing(StagedReader):
    """Fails on the frames with these numbers."""

    def __init__(self, numbers: range | tuple[int, ...], error: Exception) -> None:
        super().__init__()
        self._numbers, self._error = numbers, error

    def detect(self, frame: Frame, *, prepared: Any = None, state: Any = None) -> Detections:
        if number_of(frame) in self._numbers:
            raise self._error
        return super().detect(frame, prepared=prepared)
