"""The device's clock in terms of the host's."""

from __future__ import annotations

from firmware_bridge._carrier import Carrier


class Clock:
    """Offset of the device's clock from CLOCK_MONOTONIC, kept by the link's thread.

    From bursts of exchanges of four stamps: of each the shortest round trip is believed, and a line
    through those of the last half minute gives offset and drift. It begins anew when the device was
    reset, and never jumps otherwise by more than the bounds it published.
    """

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    @property
    def offset_ns(self) -> int | None:
        """Device time minus host time now, ns; None before the first exchange."""
        known = self._carrier.clock()
        return None if known is None else known[0]

    @property
    def error_ns(self) -> int | None:
        """Bound of the error of `offset_ns` now, ns; None before the first exchange."""
        known = self._carrier.clock()
        return None if known is None else known[1]

    def to_host_ns(self, device_us: int) -> int | None:
        """CLOCK_MONOTONIC of a recent instant of the device's clock; None before an exchange."""
        offset_ns = self.offset_ns
        return None if offset_ns is None else device_us * 1000 - offset_ns
