"""A device's clock that jumps or stands still: its time is found again, and its bound is true."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

import firmware_bridge as fb
from edgecore.testing.clock import DeviceClock
from edgecore.testing.dut import Dut
from tests.hil.suite.test_commands import ALERT, PATIENCE_S, alerts, ask
from tests.hil.suite.test_modes import ACTIVE, wait_for_state

SETTLED_NS = 20_000_000
"""Less than half of the least that is done to it."""
WRAPS_US = {"int32": 1 << 31, "uint32": 1 << 32}
"""Where a microsecond counter of 32 bits changes its sign, and where it begins anew."""


@dataclass(frozen=True)
class Shift:
    """What was done to the clock: it is ahead by so much more, at least and at most, ns."""

    least: int
    most: int


def step(clock: DeviceClock, seconds: float) -> Shift:
    begun_ns = time.monotonic_ns()
    clock.step(seconds)
    took_ns = time.monotonic_ns() - begun_ns
    return Shift(round(seconds * 1e9) - took_ns, round(seconds * 1e9))


def stall(dut: Dut, seconds: float) -> Shift:
    begun_ns = time.monotonic_ns()
    dut.freeze()
    stopped_ns = time.monotonic_ns()
    time.sleep(seconds)
    going_ns = time.monotonic_ns()
    dut.thaw()
    return Shift(begun_ns - time.monotonic_ns(), stopped_ns - going_ns)


def wait_until_found(link: fb.Link, clock: DeviceClock, before_ns: int, shift: Shift) -> None:
    """Until the clock is where it is now rather than where it was before the shift."""
    middle_ns = before_ns + shift.least // 2
    until_s = time.monotonic() + PATIENCE_S
    while (clock.offset_ns > middle_ns) != (shift.least > 0):
        assert time.monotonic() < until_s, "the clock's step was never noticed"
        link.ping(timeout=PATIENCE_S)


def assert_found(link: fb.Link, clock: DeviceClock, act: Callable[[], Shift]) -> None:
    """The published bounds before and after leave room for what was done, and for no more."""
    until_s = time.monotonic() + PATIENCE_S
    while clock.error_ns > SETTLED_NS:
        assert time.monotonic() < until_s, f"the bound is still {clock.error_ns} ns"
        link.ping(timeout=PATIENCE_S)
    before_ns, room_ns = clock.offset_ns, clock.error_ns
    shift = act()
    wait_until_found(link, clock, before_ns, shift)
    room_ns += clock.error_ns
    moved_ns = clock.offset_ns - before_ns
    assert shift.least - room_ns <= moved_ns <= shift.most + room_ns


def assert_dated_by_what_happened(link: fb.Link, clock: DeviceClock) -> None:
    """No record is from before its cause, or from after it came, by more than the bound."""
    before = alerts(link)
    asked_ns = time.monotonic_ns()
    link.request(ALERT, PATIENCE_S)
    with link.subscribe("status") as batches:
        for batch in batches:
            came_ns = time.monotonic_ns()
            after = batch[batch["alerts"] > before]
            if len(after):
                assert asked_ns - clock.error_ns <= after["t_ns"][0]
                assert after["t_ns"][-1] <= came_ns + clock.error_ns
                return


@pytest.mark.edge_req("TIME-BOUND")
@pytest.mark.edge_needs("step")
@pytest.mark.parametrize("seconds", [0.1, 5.0, 3000.0])
def test_clock_that_jumped_ahead_is_found_again(
    edge_link: fb.Link, edge_clock: DeviceClock, seconds: float
) -> None:
    assert_found(edge_link, edge_clock, lambda: step(edge_clock, seconds))
    assert_dated_by_what_happened(edge_link, edge_clock)


@pytest.mark.edge_req("TIME-BOUND")
@pytest.mark.edge_needs("step", "stall")
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.edge_slow)])
def test_bound_holds_after_each_of_many_jumps_and_stalls(
    edge_dut: Dut, edge_link: fb.Link, edge_clock: DeviceClock, seed: int
) -> None:
    draw = random.Random(seed)
    for _ in range(4):
        length_s = draw.uniform(0.1, 0.2)
        ahead, behind = partial(step, edge_clock, 10 * length_s), partial(stall, edge_dut, length_s)
        assert_found(edge_link, edge_clock, draw.choice([ahead, behind]))


@pytest.mark.edge_needs("step")
def test_commands_under_way_while_the_clock_jumps_are_executed_once(
    edge_link: fb.Link, edge_clock: DeviceClock
) -> None:
    before = alerts(edge_link)
    futures = []
    for _ in range(5):
        futures += [edge_link.submit(ALERT, PATIENCE_S) for _ in range(10)]
        edge_clock.step(1.0)
    for future in futures:
        future.result()
    assert alerts(edge_link) == before + len(futures)


@pytest.mark.edge_req("FAIL-SAFE")
@pytest.mark.edge_needs("step")
def test_lease_that_the_jump_has_used_up_is_over(
    edge_link: fb.Link, edge_clock: DeviceClock
) -> None:
    """Though it is renewed all the time: the device cannot tell a jump from silence."""
    wait_for_state(edge_link, ACTIVE, 1.0)
    logs = edge_link.logs()
    while logs.read(0.0) is not None:
        edge_link.keep_alive()
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:  # a renewal may come in the very turn that sees the jump
        edge_clock.step(2.0)
        for _ in range(10):
            edge_link.keep_alive()
            record = logs.read(0.05)
            if record is not None and record.text.startswith("safe state"):
                return
    raise AssertionError("it was active all the time")


def jump_before(link: fb.Link, clock: DeviceClock, wrap_us: int, margin_s: float) -> int:
    """The device's clock is so long before that wrap of its counter; when that is, us."""
    now_us = (time.monotonic_ns() + clock.offset_ns) // 1000
    left_us = (wrap_us - now_us) % (1 << 32)
    assert_found(link, clock, lambda: step(clock, left_us / 1e6 - margin_s))
    return now_us + left_us


def watch(link: fb.Link, end_us: int, over_us: int) -> tuple[list[int], list[int]]:
    """Device times of the records until the alert is over, and of those of them that show it.

    Where none shows it, the host was kept from asking or the device from telling: until `over_us`.
    """
    t_us: list[int] = []
    lit_us: list[int] = []
    with link.subscribe("status") as batches:
        for batch in batches:
            t_us += batch["t_us"].tolist()
            lit_us += batch["t_us"][batch["alert_level"] == 3].tolist()
            if t_us[-1] > (end_us if lit_us else over_us) and batch["alert_level"][-1] != 3:
                break
    return t_us, lit_us


@pytest.mark.edge_req("COUNTERS-WRAP")
@pytest.mark.edge_needs("step")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("wrap", WRAPS_US)
def test_microseconds_pass_the_end_of_their_counter(
    edge_link: fb.Link, edge_clock: DeviceClock, wrap: str
) -> None:
    """Hours before it would: telemetry, commands, and an alert that is lit meanwhile cross it."""
    before, asked = alerts(edge_link), 0
    for margin_s in (0.5, 4.0, 30.0):  # the longer ones are for a machine that is busy with others
        end_us = jump_before(edge_link, edge_clock, WRAPS_US[wrap], margin_s)
        duration_us = round(margin_s * 2e6)
        alert = fb.Alert(kind=1, level=3, duration_ms=duration_us // 1000)
        ask(edge_link, 10)
        edge_link.request(alert, PATIENCE_S)
        asked += 11
        t_us, lit_us = watch(edge_link, end_us, end_us + duration_us)
        assert (np.diff(t_us) >= 0).all()  # those that share one were late
        if lit_us:
            assert lit_us[-1] - lit_us[0] <= duration_us
            if lit_us[0] < end_us < lit_us[-1]:
                break
    else:
        raise AssertionError(f"no alert was seen on both sides of {end_us} us: {lit_us}")
    ask(edge_link, 10)
    assert alerts(edge_link) == before + asked + 10
    assert_dated_by_what_happened(edge_link, edge_clock)
