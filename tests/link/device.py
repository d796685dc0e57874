"""A device for tests: the C session in the device's role, served on a Unix socket by a thread."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_bridge._link import Session
from firmware_bridge.events import Event, Requested

Answer = Callable[[Requested], tuple[int, bytes] | None]


def now_us() -> int:
    return time.monotonic_ns() // 1000


class Device:
    """Answers requests by `answer` (status and payload; None: never); keeps what it executed.

    `key`, `required` and `open_types` are the session's.
    """

    def __init__(
        self, path: Path, *, boot_id: int = 5, answer: Answer | None = None, **key: Any
    ) -> None:
        self.path = path
        self.url = f"unix://{path}"
        self.executed: list[Requested] = []
        self.events: list[Event] = []
        self.answer: Answer = answer or (lambda request: (0, request.payload))
        self.deaf = threading.Event()
        self.hang_up = threading.Event()
        self._heard_nothing = threading.Event()
        self.slot_bytes = 64
        self._boot_id = boot_id
        self.key = key
        self._ending = False
        self._start()

    def _start(self) -> None:
        self.session = Session(
            device=True,
            boot_id=self._boot_id,
            name="test device",
            version="1.2",
            window=8,
            slot_bytes=self.slot_bytes,
            now_us=now_us(),
            **self.key,
        )
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._listener.settimeout(0.05)
        self._ending = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending:
            try:
                line, _ = self._listener.accept()
            except TimeoutError:
                continue
            with line:
                self.session.reopen(now_us())
                with contextlib.suppress(OSError):
                    self._serve(line)
                self.hang_up.clear()

    def _serve(self, line: socket.socket) -> None:
        while not self._ending and not self.hang_up.is_set():
            if self.deaf.is_set():
                self._heard_nothing.set()
                time.sleep(0.01)
                continue
            for event in self._turn(line):
                if isinstance(event, Requested):
                    self.executed.append(event)
                    answer = self.answer(event)
                    if answer is not None:
                        self.session.result(event.handle, *answer)
                else:
                    self.events.append(event)

    def _turn(self, line: socket.socket) -> list[Event]:
        """What came on the line, or what time brought; a host that is gone is an OSError."""
        line.sendall(self.session.output(now_us()))
        if not select.select([line], [], [], 0.001)[0]:
            return self.session.input(now_us(), b"")
        data = line.recv(4096)
        if not data:
            raise ConnectionResetError("the host hung up")
        return self.session.input(now_us(), self.heard(data))

    def heard(self, data: bytes) -> bytes:
        """What reaches the session of what came."""
        return data

    def imu(self, count: int, start: int = 0) -> None:
        """Publishes so many records, one frame each; t_us is this machine's clock."""
        for i in range(start, start + count):
            record = struct.pack("<Q6f", now_us(), float(i), 0, 9.81, 0, 0, 0)
            self.session.publish(2, 0x40, record)

    def die(self) -> None:
        self._ending = True
        self._thread.join()
        self._listener.close()
        self.path.unlink()

    def boot(self) -> None:
        """Comes back after `die`, as another boot."""
        self._boot_id += 1
        self._start()

    def go_deaf(self) -> None:
        """From now on reads nothing and says nothing, on an open line."""
        self._heard_nothing.clear()
        self.deaf.set()
        self._heard_nothing.wait(5)
