"""The frame ring: from a frame's publishing to its bytes being read in another process."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgecore.benchmark.result import Result, result
from edgecore.errors import EdgecoreError
from edgecore.frame import Frame
from edgecore.ring import Consumer, Producer

WIDTH, HEIGHT = 1920, 1080
FEWEST = 20
PATIENCE_S = 10.0
PAUSE_S = 0.001
"""So that the reader sleeps when the next frame comes, as it does at a camera's pace."""


def handovers(seconds: float) -> Iterator[Result]:
    """1080p NV12 frames to a process that sleeps until they come, by the wall's clock.

    Raises:
        EdgecoreError: the reading process failed; the text has what it said.
    """
    with tempfile.TemporaryDirectory(prefix="edgecore-") as folder:
        socket = str(Path(folder) / "ring")
        with Producer(socket, WIDTH, HEIGHT) as camera, _Reader(socket) as reader:
            for way, publish in (("in place", _in_place), ("copied", _copied)):
                samples: list[float] = []
                ends = time.perf_counter() + seconds
                while len(samples) < FEWEST or time.perf_counter() < ends:
                    time.sleep(PAUSE_S)
                    publish(camera, len(samples) % 251)
                    samples.append(reader.took_us(len(samples) % 251))
                job = f"{WIDTH}x{HEIGHT} NV12 to another process, {way}"
                yield result("ring", job, "any", samples)


def _in_place(camera: Producer, mark: int) -> None:
    """The frame is there when the clock starts, as a capture device has left it."""
    slot = camera.claim()
    if slot is None:
        raise EdgecoreError("ring: expected a free slot, got none: the reader keeps them all")
    for plane in slot.frame.planes:
        plane[...] = mark
    slot.publish(time.monotonic_ns())


def _copied(camera: Producer, mark: int) -> None:
    data = np.full(WIDTH * HEIGHT * 3 // 2, mark, np.uint8)
    frame = Frame(data, WIDTH, HEIGHT, "nv12", timestamp_ns=time.monotonic_ns())
    if not camera.publish(frame):
        raise EdgecoreError("ring: expected a free slot, got none: the reader keeps them all")


class _Reader:
    """The other process."""

    def __init__(self, socket: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edgecore.benchmark.ring", socket],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._line()

    def took_us(self, mark: int) -> float:
        """Of the frame published last, whose bytes are all `mark`."""
        told, took_ns = self._line().split()
        if int(told) != mark:
            raise EdgecoreError(f"ring: expected a frame of {mark}, got {told}")
        return int(took_ns) / 1e3

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            _, said = self._process.communicate()
            why = said.strip().rpartition("\n")[2]
            raise EdgecoreError(f"ring: the reading process ended: {why}")
        return line

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def read(socket: str) -> None:
    """Reads every frame of a ring, and prints its last byte and how long it was under way, ns."""
    with contextlib.closing(Consumer(socket)) as reader:
        print("ready", flush=True)
        while (frame := reader.read(PATIENCE_S)) is not None:
            mark = int(frame.planes[-1].flat[-1])
            took_ns = time.monotonic_ns() - (frame.timestamp_ns or 0)
            whole = all((plane == mark).all() for plane in frame.planes)
            del frame
            print(mark if whole else -1, took_ns, flush=True)


if __name__ == "__main__":
    read(sys.argv[1])
