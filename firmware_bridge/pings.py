"""Exchanges of stamps with the device: those users ask for, and those that keep the clock."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import time
from concurrent.futures import Future
from typing import NamedTuple

from firmware_bridge._link import Session
from firmware_bridge.clock import Clock
from firmware_bridge.errors import BridgeTimeoutError
from firmware_bridge.events import Stamps

_BURST = 8
"""Exchanges in quick succession when a session begins: the clock is known soon."""
_BURST_EVERY_S = 0.02
_EVERY_S = 1.0


class _Ping(NamedTuple):
    since_us: int
    future: Future[int]


class Pings:
    """Sends pings and gives every answer to the clock and to whoever waits for one."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[_Ping] = []
        self._burst = 0
        self._due_s = 0.0

    def ask(self, size: int, timeout: float) -> int:
        """The next round trip, ns.

        Raises:
            BridgeTimeoutError: no answer in time.
        """
        ping = _Ping(time.monotonic_ns() // 1000, Future())
        with self._lock:
            self._waiting.append(ping)
        self._session.ping(size)
        try:
            return ping.future.result(timeout)
        except concurrent.futures.TimeoutError:  # the built-in one only from Python 3.11 on
            raise BridgeTimeoutError(f"ping: no answer within {timeout} s", may_run=False) from None
        finally:
            with self._lock, contextlib.suppress(ValueError):
                self._waiting.remove(ping)

    def begin(self) -> None:
        """A session began: a burst is due."""
        self._burst = _BURST
        self._due_s = 0.0

    def keep_up(self, now_s: float) -> None:
        """Sends a ping for the clock's sake when one is due and no user's is on its way."""
        if now_s >= self._due_s and not self._waiting:
            self._due_s = now_s + (_BURST_EVERY_S if self._burst > 0 else _EVERY_S)
            self._burst -= self._burst > 0
            self._session.ping()

    def answered(self, stamps: Stamps) -> None:
        """Takes an answer; called by the link's thread."""
        trip_ns = self._clock.add(stamps)
        with self._lock:
            answered = [ping for ping in self._waiting if ping.since_us <= stamps.t1]
            self._waiting = [ping for ping in self._waiting if ping not in answered]
        for ping in answered:
            ping.future.set_result(trip_ns)
