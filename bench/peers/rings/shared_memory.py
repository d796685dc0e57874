"""multiprocessing.shared_memory, and the number of the slot through a named pipe.

Nothing keeps the sender from writing where the receiver reads; four slots make it unlikely.
"""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from multiprocessing.shared_memory import SharedMemory

import numpy as np
from numpy.typing import NDArray

NAME, VERSION = "multiprocessing.shared_memory + pipe", f"Python {platform.python_version()}"
SLOTS = 4


def name_of(place: str) -> str:
    return place.strip("/").replace("/", "-")


class Sender:
    def __init__(self, place: str, size: int) -> None:
        os.mkfifo(place)
        self._pipe = os.open(place, os.O_RDWR)
        self._memory = SharedMemory(name_of(place), create=True, size=SLOTS * size)
        self._frames = np.frombuffer(self._memory.buf, np.uint8).reshape(SLOTS, size)
        self._slot = 0

    def frame(self) -> NDArray[np.uint8]:
        self._slot = (self._slot + 1) % SLOTS
        return self._frames[self._slot]

    def send(self) -> None:
        os.write(self._pipe, bytes([self._slot]))

    def close(self) -> None:
        del self._frames
        self._memory.close()
        with suppress(FileNotFoundError):  # the receiver's interpreter removes what it sees as lost
            self._memory.unlink()
        os.close(self._pipe)


class Receiver:
    def __init__(self, place: str, size: int) -> None:
        self._pipe = os.open(place, os.O_RDONLY)
        self._memory = SharedMemory(name_of(place))
        self._frames = np.frombuffer(self._memory.buf, np.uint8)[: SLOTS * size]
        self._frames = self._frames.reshape(SLOTS, size)

    def receive(self) -> NDArray[np.uint8]:
        return self._frames[os.read(self._pipe, 1)[0]]
