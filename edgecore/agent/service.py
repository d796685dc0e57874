"""What a service manager is told: ready, alive, stopping (systemd's sd_notify protocol).

Source: sd_notify(3). A unit with `Type=notify` and `WatchdogSec=` restarts an agent that finishes
no more frames: like the firmware, the manager gets signs of life for frames alone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping

PARTS_OF_INTERVAL = 3
"""Signs of life in the time within which one must come."""


class ServiceManager:
    """Who started this process, if it is one that wants to be told; otherwise nothing is sent.

    Args:
        environment: with NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID as systemd sets them.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        self._interval_s: float | None = None
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        with contextlib.suppress(ValueError):
            interval_us = int(environment.get("WATCHDOG_USEC", "0"))
            if meant and interval_us > 0:
                self._interval_s = interval_us / 1e6 / PARTS_OF_INTERVAL
        self._ready = False
        self._last_s = 0.0

    def tick(self, frames: int, stalled: bool) -> None:
        """Say what is to be said now; to be called several times within the watchdog's interval.

        Args:
            frames: finished so far; with the first the service is ready.
            stalled: none was finished for too long.
        """
        if not self._ready and frames:
            self._ready = True
            self._send("READY=1\nSTATUS=watching")
        now_s = time.monotonic()
        due = self._interval_s is not None and now_s - self._last_s >= self._interval_s
        if due and self._ready and not stalled:
            self._last_s = now_s
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The run ends; what it still has to finish takes its time."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        """A manager that does not listen is no reason to stop watching the road."""
        if not self._address:
            return
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kind) as line:
            line.sendto(text.encode(), self._address)
