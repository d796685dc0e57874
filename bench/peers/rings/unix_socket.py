"""The frame through a Unix stream socket: copied in by one side, out by the other."""

from __future__ import annotations

import platform
import socket

import numpy as np
from numpy.typing import NDArray

NAME, VERSION = "Unix socket", f"Linux {platform.release()}"


class Sender:
    def __init__(self, place: str, size: int) -> None:
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door.bind(place)
        self._door.listen()
        self._line: socket.socket | None = None
        self._frame = np.zeros(size, np.uint8)

    def frame(self) -> NDArray[np.uint8]:
        return self._frame

    def send(self) -> None:
        if self._line is None:
            self._line, _ = self._door.accept()
        self._line.sendall(self._frame)

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
        self._door.close()


class Receiver:
    def __init__(self, place: str, size: int) -> None:
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line.connect(place)
        self._frame = np.empty(size, np.uint8)

    def receive(self) -> NDArray[np.uint8]:
        view, got = memoryview(self._frame), 0
        while got < len(view):
            got += self._line.recv_into(view[got:])
        return self._frame
