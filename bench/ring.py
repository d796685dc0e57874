"""Frames from process to process: edgecore's ring, and the process at the other end of any way.

`python -m bench.ring MODULE PLACE FRAMES` receives so many frames, says of each that it is whole,
and prints, as JSON, how many nanoseconds after its stamp each was read.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

import numpy as np
from numpy.typing import NDArray

from edgecore import ring

NAME = "edgecore ring"
WIDTH, HEIGHT = 1080, 720
SIZE = WIDTH * HEIGHT * 4
"""Bytes of a frame, 3.1 MB: as many as NV12 has at 1080p."""


class Sender:
    def __init__(self, place: str, size: int) -> None:
        self._producer = ring.Producer(place, WIDTH, HEIGHT, "rgba", slots=4)

    def frame(self) -> NDArray[np.uint8]:
        slot = self._producer.claim()
        assert slot is not None
        self._slot = slot
        return slot.frame.planes[0].reshape(-1)

    def send(self) -> None:
        self._slot.publish()

    def close(self) -> None:
        self._producer.close()


class Receiver:
    def __init__(self, place: str, size: int) -> None:
        self._frames = ring.Consumer(place)

    def receive(self) -> NDArray[np.uint8]:
        return next(self._frames).planes[0].reshape(-1)


def receive(module: str, place: str, count: int) -> list[int]:
    """Latencies in nanoseconds of `count` frames; fails when one is not whole."""
    receiver = importlib.import_module(module).Receiver(place, SIZE)
    print("ready", flush=True)
    latencies = []
    for number in range(count):
        frame = receiver.receive()
        stamp, last = frame[:8].view(np.int64)[0], frame[-1]
        latencies.append(time.monotonic_ns() - int(stamp))
        assert last == number % 251, f"frame {number} ends with {last}"
        assert (frame[8:] == last).all(), f"frame {number} is torn"
        del frame
        print("checked", flush=True)
    return latencies


if __name__ == "__main__":
    print(json.dumps(receive(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
