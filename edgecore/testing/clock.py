"""The device's clock, for tests."""

from __future__ import annotations

import time

import firmware_bridge as fb
from edgecore.testing.dut import Dut

CLOCK_S = 10.0


class DeviceClock:
    """The device's clock as the link knows it; the fixture `edge_clock`.

    All times of hosts are CLOCK_MONOTONIC nanoseconds.
    """

    def __init__(self, dut: Dut, link: fb.Link) -> None:
        self._dut, self._link = dut, link

    @property
    def offset_ns(self) -> int:
        """Device time minus host time now; waits for the first exchange."""
        return known_clock(self._link)[0]

    @property
    def error_ns(self) -> int:
        """Bound of its error now."""
        return known_clock(self._link)[1]

    def to_host_ns(self, device_us: int) -> int:
        """CLOCK_MONOTONIC of a recent instant of the device's."""
        return device_us * 1000 - self.offset_ns

    def stall(self, seconds: float) -> None:
        """The device stands still, its clock too, and has lost so much time afterwards.

        Needs "stall".
        """
        with self._dut.frozen():
            time.sleep(seconds)

    def step(self, seconds: float) -> None:
        """The device's clock jumps ahead by so much.

        Needs "step".
        """
        self._dut.step(seconds)


def known_clock(link: fb.Link) -> tuple[int, int]:
    """Offset of the device's clock and the bound of its error, ns; waits for the first exchange.

    Raises:
        TimeoutError: there was none within 10 s.
    """
    until_s = time.monotonic() + CLOCK_S
    while time.monotonic() < until_s:
        offset_ns, error_ns = link.clock.offset_ns, link.clock.error_ns
        if offset_ns is not None and error_ns is not None:
            return offset_ns, error_ns
        time.sleep(0.005)
    raise TimeoutError(f"no exchange of clocks within {CLOCK_S} s")
