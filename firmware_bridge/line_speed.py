"""A quicker serial line, once the device agrees, and back when one side hears nothing any more."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from firmware_bridge._carrier import Carrier
from firmware_bridge.errors import BridgeError
from firmware_bridge.requests import Requests, Result

BULK_CHANNEL = 4
LINE_SPEED = 0xF8
_BITS_PER_BYTE = 10
_ASK_S = 1.0
_LEAVE_S = 0.2
"""The longest that what was written before may take to leave."""
_TRIES, _TRY_S = 5, 0.1


def byte_time_ns(baud: int) -> int:
    """Time of a byte with its start and stop bit, ns."""
    return _BITS_PER_BYTE * 1_000_000_000 // baud


class LineSpeed:
    """The speeds of one open serial port.

    Args:
        port: pyserial's.
        first: the speed it was opened with, baud.
        quicker: the one to ask the device for, baud.
    """

    def __init__(self, port: Any, first: int, quicker: int) -> None:
        self._port = port
        self._first, self._quicker = first, quicker
        self._gave_up = False

    def hasten(self, carrier: Carrier, requests: Requests, done: Callable[[str], None]) -> None:
        """Asks the device and switches; `done` gets what became of it, in the link's thread."""
        if self._gave_up:
            done(f", not {self._quicker}: it went dead at that speed")
            return
        asked = requests.submit(
            "line speed", BULK_CHANNEL, LINE_SPEED, struct.pack("<I", self._quicker), _ASK_S
        )
        asked.add_done_callback(lambda answered: done(self._answered(carrier, answered)))

    def _answered(self, carrier: Carrier, answered: Future[Result]) -> str:
        error = answered.exception()
        if isinstance(error, BridgeError):
            return f", not {self._quicker}: {error}"
        self._set(carrier, self._quicker)
        for _ in range(_TRIES):
            if carrier.ask_ping(32).wait(_TRY_S) is not None:
                return f", then {self._quicker}"
        self.go_back(carrier)
        return f", not {self._quicker}: no answer at that speed"

    def go_back(self, carrier: Carrier) -> None:
        """To the first speed; where the device goes too when it hears nothing for three seconds."""
        if self._port.baudrate != self._first:
            self._gave_up = True
            self._set(carrier, self._first)

    def _set(self, carrier: Carrier, baud: int) -> None:
        until = time.monotonic() + _LEAVE_S
        with contextlib.suppress(OSError):
            while self._port.out_waiting and time.monotonic() < until:
                time.sleep(0.001)
        time.sleep(4 * byte_time_ns(self._port.baudrate) / 1e9)  # what the chip itself still holds
        with contextlib.suppress(OSError):  # a port that is gone: the line ends anyhow
            self._port.baudrate = baud
        carrier.set_pace(byte_time_ns(baud))
