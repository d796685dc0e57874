"""A day and more of the reference firmware in virtual time, over a bad line: its counters wrap.

The firmware is that of `sim` on a board in memory, so these need no target.
"""

from __future__ import annotations

import pytest

from firmware_bridge.events import Resolved
from firmware_bridge.testing import endure
from tests.link.updating import Bench

HOUR_US = 3_600_000_000
WRAP_US = 1 << 32
BAD = {"bit_error": 2e-5, "drop": 0.01, "duplicate": 0.01, "delay_us": 300, "jitter_us": 900}
COMMAND, ALERT_TYPE, DONE = 1, 0x01, 0
ALERT_BODY = bytes([1, 1, 10, 0])


def sleep_until(bench: Bench, at_us: int) -> None:
    """The host's machine is off, and the device alone."""
    bench.firmware.line_lost()
    bench.firmware.advance(at_us - bench.firmware.now_us)
    bench.firmware.take()
    bench.now_us = at_us
    bench.start_host()
    bench.connect()


@pytest.mark.edge_req("COUNTERS-WRAP")
@pytest.mark.parametrize("hours", [3, pytest.param(30, marks=pytest.mark.edge_slow)])
def test_every_wrap_of_the_microseconds_is_crossed_with_commands_under_way(hours: int) -> None:
    bench = Bench(tick_us=500, seed=5, **BAD).connect()
    asked = 0
    for wrap in range(1, hours * HOUR_US // WRAP_US + 1):
        end_us = wrap * WRAP_US
        sleep_until(bench, end_us - 300_000)
        while bench.firmware.now_us < end_us + 300_000:
            token = bench.ask(ALERT_TYPE, ALERT_BODY, COMMAND)
            asked += 1
            bench.run_until(lambda token=token: bench.outcome(token) is not None)
            assert bench.outcome(token) == Resolved(token, 0, DONE, b"")
        bench.events.clear()
    assert bench.firmware.records["alerts"] == asked
    assert bench.firmware.boot_id == 1


@pytest.mark.edge_req("COUNTERS-WRAP")
def test_ids_of_sixteen_bits_wrap_twice_and_no_command_is_lost_or_doubled() -> None:
    result = endure(140_000, seed=3, **BAD)
    assert (result.executed, result.lost, result.doubled, result.misreported) == (140_000, 0, 0, 0)
    assert result.retransmits > 0
    assert result.duplicates > 0
