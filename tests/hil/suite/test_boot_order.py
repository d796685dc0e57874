"""Host and device find each other, whoever comes first and whatever happens meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

import firmware_bridge as fb
from edgecore.testing.dut import Dut
from firmware_bridge.testing.faults import Faults

PATIENCE_S = 30.0
ALERT = fb.Alert(kind=1, level=2, duration_ms=50)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, f"it never came: {what}"
        time.sleep(0.005)


def test_device_first(edge_dut: Dut) -> None:
    with edge_dut.connect() as link:
        link.request(ALERT, PATIENCE_S)


@pytest.mark.edge_needs("power", "faults")
def test_host_first(edge_dut: Dut) -> None:
    edge_dut.stop()
    with fb.Link(edge_dut.url) as link:
        wait_until(lambda: len(edge_dut.faults.journal) > 0, "the host at its port")
        assert link.state == "connecting"
        edge_dut.start()
        link.request(ALERT, PATIENCE_S)


@pytest.mark.edge_needs("power")
def test_device_away_and_back_is_another_boot(edge_dut: Dut, edge_link: fb.Link) -> None:
    boot_id = edge_link.info.boot_id
    edge_dut.stop()
    edge_dut.start()
    wait_until(
        lambda: edge_link.state == "open" and edge_link.info.boot_id != boot_id, "another boot"
    )
    edge_link.request(ALERT, PATIENCE_S)


def test_one_host_after_the_other_meets_the_same_boot(edge_dut: Dut) -> None:
    boots = set()
    for _ in range(3):
        with edge_dut.connect() as link:
            link.request(ALERT, PATIENCE_S)
            boots.add(link.info.boot_id)
    assert len(boots) == 1


@pytest.mark.edge_needs("reset", "faults")
def test_device_resets_in_the_middle_of_the_hosts_hello(edge_dut: Dut, edge_faults: Faults) -> None:
    edge_faults.reboot_in_frame()
    with edge_dut.connect() as link:
        link.request(ALERT, PATIENCE_S)
    assert edge_faults.counts["reboots"] == 1
    assert edge_faults.counts["bytes_cut"] > 0


@pytest.mark.parametrize("way", ["to_device", "from_device"])
@pytest.mark.parametrize("fault", ["flip", "drop", "duplicate", "overrun"])
def test_hello_that_the_line_spoils(
    edge_dut: Dut, edge_faults: Faults, way: str, fault: str
) -> None:
    getattr(edge_faults, fault)(way)
    with edge_dut.connect() as link:
        link.request(ALERT, PATIENCE_S)
    names = ("bits_flipped", "bytes_dropped", "bytes_repeated", "bytes_overrun")
    assert sum(edge_faults.counts[name] for name in names) > 0


@pytest.mark.parametrize("times", [1, 3])
def test_unplugged_host_comes_back_to_the_same_boot(
    edge_dut: Dut, edge_link: fb.Link, edge_faults: Faults, times: int
) -> None:
    boot_id = edge_link.info.boot_id
    for _ in range(times):
        edge_faults.unplug(for_s=0.05)
        edge_link.request(ALERT, PATIENCE_S)
    assert edge_link.info.boot_id == boot_id
    assert edge_faults.counts["unplugs"] == times


def test_bytes_of_the_old_connection_come_after_those_of_the_new(
    edge_link: fb.Link, edge_faults: Faults
) -> None:
    edge_faults.reorder()
    edge_link.request(ALERT, PATIENCE_S)
    wait_until(lambda: edge_faults.counts["bytes_reordered"] > 0, "bytes out of order")
    edge_link.request(ALERT, PATIENCE_S)


@pytest.mark.edge_needs("power", "faults")
def test_brown_out_is_another_boot(edge_link: fb.Link, edge_faults: Faults) -> None:
    boot_id = edge_link.info.boot_id
    edge_faults.brown_out(for_s=0.05)
    wait_until(
        lambda: edge_link.state == "open" and edge_link.info.boot_id != boot_id, "another boot"
    )
    edge_link.request(ALERT, PATIENCE_S)
    assert edge_faults.counts["bytes_spiked"] > 0


@pytest.mark.edge_needs("freeze")
def test_device_that_falls_silent_is_missed_and_found_again(
    edge_dut: Dut, edge_link: fb.Link
) -> None:
    boot_id = edge_link.info.boot_id
    with edge_dut.frozen():
        wait_until(lambda: edge_link.state == "lost", "notice of the silence")
    wait_until(lambda: edge_link.state == "open", "the device")
    edge_link.request(ALERT, PATIENCE_S)
    assert edge_link.info.boot_id == boot_id


@pytest.mark.edge_needs("reset")
def test_boot_is_logged_with_its_number(edge_dut: Dut, edge_link: fb.Link) -> None:
    boot_id = edge_link.info.boot_id
    with edge_link.logs() as logs:
        edge_dut.reset()
        wait_until(
            lambda: edge_link.state == "open" and edge_link.info.boot_id != boot_id, "another boot"
        )
        wanted, said = f"boot {edge_link.info.boot_id:08x}: ", []
        while (line := logs.read(timeout=PATIENCE_S / 10)) is not None:
            said.append(line.text)
            if line.text.startswith(wanted):
                return
    raise AssertionError(f"expected a line of {wanted!r}, got {said}")
