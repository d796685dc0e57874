"""Telemetry is whole on a good line, and on a bad one says what it lacks."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

import firmware_bridge as fb
from edgecore.testing.clock import DeviceClock
from edgecore.testing.dut import Dut
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
def test_every_sample_of_the_imu_comes_in_order_and_most_in_their_time(edge_link: fb.Link) -> None:
    t_us = times_us(edge_link, "imu", 60)
    assert len(np.unique(t_us)) > 20  # those that share one were late
    assert (np.diff(t_us) >= 0).all()
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
    """More than it was stalled for is no wonder: an emulator is kept from running by others too."""
    before_ns = edge_clock.offset_ns
    edge_clock.stall(0.3)
    until_s = time.monotonic() + PATIENCE_S
    while edge_clock.offset_ns > before_ns - 0.25e9:
        assert time.monotonic() < until_s, "the clock's step was never noticed"
        edge_link.ping(timeout=PATIENCE_S)
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


@pytest.mark.edge_needs("vehicle")
def test_imu_feels_gravity_and_no_more_than_a_road_gives(edge_link: fb.Link) -> None:
    rows = 0
    with edge_link.subscribe("imu") as batches:
        for batch in batches:
            rows += len(batch)
            assert batch["accel_z"] == pytest.approx(9.81, abs=1)
            for axis in ("accel_x", "accel_y"):
                assert batch[axis] == pytest.approx(0, abs=10)
            for axis in ("gyro_x", "gyro_y", "gyro_z"):
                assert batch[axis] == pytest.approx(0, abs=1)
            if rows >= 120:
                return


def test_time_goes_on_without_a_jump(edge_link: fb.Link) -> None:
    steps_us = np.diff(times_us(edge_link, "status", 15))
    assert (steps_us >= 0).all()  # records that fell due while it was kept waiting have one time
    assert (steps_us < 10e6).all()


def test_damage_on_the_line_is_told_apart_and_counted(
    edge_link: fb.Link, edge_faults: Faults
) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while edge_link.stats.errors["crc"] == 0:
        assert time.monotonic() < until_s, f"{edge_faults.counts}, {edge_link.stats}"
        edge_faults.flip("from_device")
        times_us(edge_link, "status", 1)
    assert edge_faults.counts["bits_flipped"] > 0


def test_late_reader_gets_the_newest_and_is_told_what_it_missed(edge_link: fb.Link) -> None:
    with edge_link.subscribe("status", frames=4) as late:
        seen_us = times_us(edge_link, "status", 12)
        kept = late.read()
    assert kept is not None
    assert len(kept) == 4
    assert kept["t_us"][-1] >= seen_us[-1]
    assert late.dropped == edge_link.stats.undelivered >= 8


def test_record_wakes_whoever_awaits_it(edge_link: fb.Link) -> None:
    async def await_records() -> None:
        with edge_link.subscribe("status") as batches:
            for _ in range(3):
                await asyncio.wait_for(anext(batches), PATIENCE_S)

    asyncio.run(await_records())


@pytest.mark.edge_needs("reset", "faults")
def test_clock_of_the_boot_before_is_not_believed(
    edge_dut: Dut, edge_link: fb.Link, edge_faults: Faults
) -> None:
    age_us = -1
    while age_us < 2_000_000:
        age_us = times_us(edge_link, "status", 1)[-1]
    boot_id, records = edge_link.info.boot_id, 0
    with edge_faults.profile("congested"), edge_link.subscribe("status") as batches:
        reset_ns = time.monotonic_ns()
        edge_dut.reset()
        for batch in batches:
            stamps_ns = batch["t_ns"][batch["boot_id"] != boot_id]
            assert (stamps_ns > reset_ns - 0.5e9).all()  # dated by the boot before: 2 s earlier
            records += len(stamps_ns)
            if records >= 10:
                return
