"""The device's clock in terms of the host's."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

from firmware_bridge.events import Stamps

_DRIFT = 200e-6
"""What two crystals may differ by, s/s: an old exchange is believed for less."""
_RESOLUTION_NS = 1000
"""Stamps are whole microseconds."""


class _Exchange(NamedTuple):
    host_ns: int
    offset_ns: int
    round_trip_ns: int


def round_trip_ns(stamps: Stamps) -> int:
    """Time on the way and back, without the device's own, ns."""
    t1, t2, t3, t4 = stamps
    return max(0, (t4 - t1) - (t3 - t2)) * 1000


class Clock:
    """Offset of the device's clock from CLOCK_MONOTONIC, by exchanges of four stamps.

    The exchange with the shortest round trip of the last few says most: the true offset lies within
    half of it (Mills, RFC 5905, section 8).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[_Exchange] = deque(maxlen=16)
        self._best: _Exchange | None = None

    def add(self, stamps: Stamps) -> None:
        """Takes one exchange."""
        t1, t2, t3, t4 = stamps
        trip_ns = round_trip_ns(stamps)
        offset_ns = ((t2 - t1) + (t3 - t4)) * 500
        with self._lock:
            self._kept.append(_Exchange(t4 * 1000, offset_ns, trip_ns))
            self._best = min(self._kept, key=lambda kept: _error_ns(kept, t4 * 1000))

    def reset(self) -> None:
        """Forgets everything: the device was reset."""
        with self._lock:
            self._kept.clear()
            self._best = None

    @property
    def offset_ns(self) -> int | None:
        """Device time minus host time, ns; None before the first exchange."""
        best = self._best
        return None if best is None else best.offset_ns

    @property
    def error_ns(self) -> int | None:
        """Bound of the error of `offset_ns` at the latest exchange, ns; None before the first."""
        with self._lock:
            if self._best is None:
                return None
            return _error_ns(self._best, self._kept[-1].host_ns)

    def to_host_ns(self, device_us: int) -> int | None:
        """CLOCK_MONOTONIC of an instant of the device's clock; None before the first exchange."""
        offset_ns = self.offset_ns
        return None if offset_ns is None else device_us * 1000 - offset_ns


def _error_ns(exchange: _Exchange, now_ns: int) -> int:
    age_ns = max(0, now_ns - exchange.host_ns)
    return exchange.round_trip_ns // 2 + _RESOLUTION_NS + int(age_ns * _DRIFT)
