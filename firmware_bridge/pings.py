"""Exchanges of stamps with the device: those users ask for, and those that keep the clock."""

from __future__ import annotations

from firmware_bridge._carrier import Carrier
from firmware_bridge.clock import Clock, round_trip_ns
from firmware_bridge.errors import BridgeTimeoutError, LinkClosedError
from firmware_bridge.events import Stamps

_BURST = 8
"""Exchanges in quick succession when a session begins: the clock is known soon."""
_BURST_EVERY_S = 0.02
_EVERY_S = 1.0


class Pings:
    """Sends pings; gives every answer to the clock, and to whoever waits for one."""

    def __init__(self, carrier: Carrier, clock: Clock) -> None:
        self._carrier = carrier
        self._clock = clock
        self._burst = 0
        self._due_s = 0.0
        self._closed = False

    def ask(self, size: int, timeout: float) -> int:
        """The next round trip, ns.

        Raises:
            BridgeTimeoutError: no answer in time.
            LinkClosedError: the link was closed.
        """
        if self._closed:
            raise LinkClosedError("ping: the link was closed")
        answered = self._carrier.ask_ping(size).wait(timeout)
        if answered is None:
            if self._closed:
                raise LinkClosedError("ping: the link was closed")
            raise BridgeTimeoutError(f"ping: no answer within {timeout} s", may_run=False)
        stamps, _ = answered
        assert isinstance(stamps, Stamps)
        return round_trip_ns(stamps)

    def begin(self) -> None:
        """A session began: a burst is due."""
        self._burst = _BURST
        self._due_s = 0.0

    def keep_up(self, now_s: float) -> None:
        """Sends a ping for the clock's sake when one is due."""
        if now_s >= self._due_s:
            self._due_s = now_s + (_BURST_EVERY_S if self._burst > 0 else _EVERY_S)
            self._burst -= self._burst > 0
            self._carrier.ping()

    def answered(self, stamps: Stamps) -> None:
        """Takes an answer; called by the link's thread."""
        self._clock.add(stamps)

    def close(self) -> None:
        """Nothing more will be answered."""
        self._closed = True
