"""What went over the line, for tests that look on: both ways, decoded when asked."""

from __future__ import annotations

import threading
import time
from collections import ChainMap, deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from firmware_bridge.decoding import Interpreter, Reading
from firmware_bridge.download import KNOWN
from firmware_bridge.pcapng import Direction
from firmware_bridge.recording import Piece, Splitter
from firmware_bridge.schema import COMPILED, Schema

KEPT = 20_000
"""Frames, and pieces not decoded yet."""


class Wire:
    """Keeps what passes, after all faults: what each side really got. Any thread may ask it.

    Attributes:
        forgotten: frames, or pieces of them, that came before the last `KEPT`.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._raw: deque[tuple[Direction, int, bytes]] = deque(maxlen=KEPT)
        self._readings: deque[Reading] = deque(maxlen=KEPT)
        self._decoded = 0
        # A host of this process fetches a table once, so it need not pass in this test.
        self._tables = ChainMap[int, Schema]({}, KNOWN)
        self._interpreter = Interpreter(COMPILED, known=self._tables)
        self.begin()

    def begin(self) -> None:
        """Forgets what was, half a frame included, but not what a device's messages are called."""
        with self._changed:
            self._raw.clear()
            self._readings.clear()
            self.forgotten = 0
            self._interpreter = Interpreter(self._interpreter.schema, known=self._tables)
            self._splitters: dict[Direction, Splitter] = {
                "from_device": Splitter(),
                "to_device": Splitter(),
            }

    def add(self, direction: Direction, t_ns: int, data: bytes) -> None:
        """These bytes came out of the line at CLOCK_MONOTONIC t_ns."""
        with self._changed:
            self.forgotten += len(self._raw) == KEPT
            self._raw.append((direction, t_ns, data))
            self._changed.notify_all()

    @property
    def readings(self) -> list[Reading]:
        """The last frames of both directions, in order of arrival."""
        with self._changed:
            self._decode()
            return list(self._readings)

    def _decode(self) -> None:
        while self._raw:
            direction, t_ns, data = self._raw.popleft()
            for since_ns, piece in self._splitters[direction].feed(t_ns, data):
                if any(piece):
                    reading = self._interpreter.read(Piece(direction, since_ns, piece))
                    self.forgotten += len(self._readings) == KEPT
                    self._readings.append(reading)
                    self._decoded += 1

    def records(self, message: str) -> list[dict[str, Any]]:
        """Fields, in their units, of each record of that message, oldest first.

        Raises:
            ValueError: no message has that name, of those compiled in or of the device's own, as
                far as its table passed.
        """
        readings = self.readings
        self._check_known(message)
        return [
            record
            for reading in readings
            if reading.message == message and reading.error is None
            for record in reading.records
        ]

    def _check_known(self, message: str) -> None:
        known = sorted({*COMPILED.by_name, *self._interpreter.schema.by_name})
        if message not in known:
            raise ValueError(f"expected a message of {', '.join(known)}, got {message!r}")

    def wait_for(
        self, message: str, condition: Callable[[Mapping[str, Any]], bool], timeout_s: float
    ) -> dict[str, Any]:
        """The first record of that message from now on for which the condition holds.

        Raises:
            TimeoutError: none came; the text has the last one that did.
            ValueError: none came, and no message has that name; of the device's own the name may
                have become known meanwhile.
        """
        until_s = time.monotonic() + timeout_s
        last: dict[str, Any] | None = None
        with self._changed:
            self._decode()
            known = self._decoded
            while True:
                self._changed.wait(max(0.0, until_s - time.monotonic()))
                self._decode()
                fresh, known = self._decoded - known, self._decoded
                for reading in reversed(list(islice(reversed(self._readings), fresh))):
                    for record in reading.records if reading.message == message else ():
                        last = record
                        if condition(record):
                            return record
                if time.monotonic() >= until_s:
                    self._check_known(message)
                    raise TimeoutError(
                        f"no such {message} within {timeout_s} s; the last one was {last}"
                    )

    def tail(self, most: int) -> list[str]:
        """The last so many frames as lines of text, oldest first, however long ago they passed: who
        waits in vain waits longer than anything is said."""
        return [line(each) for each in self.readings[-most:]]


def line(reading: Reading) -> str:
    """A frame in one line: its time, way, kind, and what it says."""
    arrow = "host -> device" if reading.direction == "to_device" else "device -> host"
    stamp = "" if reading.t_ns is None else f"{reading.t_ns / 1e9:.6f}"
    if reading.error is not None:
        return f"{stamp} {arrow} {reading.kind:9} {reading.error}: {reading.data.hex(' ')[:60]}"
    said = [reading.message or "", *(f"{key}={value}" for key, value in reading.head.items())]
    if reading.records:
        more = f" and {len(reading.records) - 1} more" if len(reading.records) > 1 else ""
        said += [f"{key}={_short(value)}" for key, value in reading.records[-1].items()]
        said.append(more)
    return f"{stamp} {arrow} {reading.kind:9} {' '.join(filter(None, said))}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
