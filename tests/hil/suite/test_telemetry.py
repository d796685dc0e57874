"""Telemetry is whole on a good line, and on a bad one says what it lacks."""

from __future__ import annotations

import time

import numpy as np
import pytest

import firmware_bridge as fb
from edgecore.testing.dut import DeviceClock, Dut
from firmware_bridge.testing.faults import Faults

PATIENCE_S = 30.0


def times_us(link: fb.Link, message: str, records: int) -> np.ndarray:
    found: list[int] = []
    with link.subscribe(message) as batches:
        for batch in batches:
            found += batch["t_us"].tolist()
            if len(found) >= records:
                return np.array(found)
    raise AssertionError("the link was closed")


@pytest.mark.edge_needs("vehicle")
def test_every_sample_of_the_imu_comes_once_and_in_order(edge_link: fb.Link) -> None:
    t_us = times_us(edge_link, "imu", 60)
    assert (np.diff(t_us) >= 0).all()  # one that is late catches up
    assert sum(edge_link.stats.gaps.values()) == 0


def test_what_a_bad_line_swallows_is_counted(edge_link: fb.Link, edge_faults: Faults) -> None:
    times_us(edge_link, "status", 1)
    until_s = time.monotonic() + PATIENCE_S
    while sum(edge_link.stats.gaps.values()) == 0:
        assert time.monotonic() < until_s, f"no gap: {edge_faults.counts}"
        edge_faults.drop("from_device")
        times_us(edge_link, "status", 2)
    assert edge_faults.counts["bytes_dropped"] > 0


def test_records_are_stamped_in_the_hosts_time(edge_link: fb.Link, edge_clock: DeviceClock) -> None:
    before_ns = time.monotonic_ns() - edge_clock.error_ns
    with edge_link.subscribe("status") as batches:
        next(iter(batches))
        stamp_ns = int(next(iter(batches))["t_ns"][-1])
    assert before_ns <= stamp_ns <= time.monotonic_ns() + edge_clock.error_ns


@pytest.mark.edge_needs("stall")
def test_clock_that_lost_time_is_found_again(
    edge_dut: Dut, edge_link: fb.Link, edge_clock: DeviceClock
) -> None:
    before_ns = edge_clock.offset_ns
    edge_clock.stall(0.3)
    until_s = time.monotonic() + PATIENCE_S
    while edge_clock.offset_ns > before_ns - 0.25e9:
        assert time.monotonic() < until_s, "the clock's step was never noticed"
        edge_link.ping(timeout=PATIENCE_S)
    assert before_ns - edge_clock.offset_ns == pytest.approx(0.3e9, rel=0.5)
    edge_link.request(fb.Alert(kind=1, level=1, duration_ms=10), PATIENCE_S)


@pytest.mark.edge_needs("reset")
def test_reset_starts_the_devices_clock_anew(
    edge_dut: Dut, edge_link: fb.Link, edge_clock: DeviceClock
) -> None:
    assert edge_clock.offset_ns < 0
    boot_id = edge_link.info.boot_id
    edge_dut.reset()
    until_s = time.monotonic() + PATIENCE_S
    while edge_link.state != "open" or edge_link.info.boot_id == boot_id:
        assert time.monotonic() < until_s, "no other boot came"
        time.sleep(0.005)
    with edge_link.subscribe("status") as batches:
        stamp = next(iter(batches))[-1]
    assert abs(int(stamp["t_ns"]) - time.monotonic_ns()) < 30e9
