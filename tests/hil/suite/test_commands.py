"""Every command is executed, once, over whatever line."""

from __future__ import annotations

from concurrent.futures import wait
from typing import Any

import pytest

import firmware_bridge as fb
from edgecore.testing.dut import Dut
from firmware_bridge.testing.faults import Faults
from firmware_bridge.testing.profile import PROFILES

PATIENCE_S = 60.0
COMMANDS = 60
ALERT = fb.Alert(kind=1, level=1, duration_ms=10)


def alerts(link: fb.Link) -> int:
    """How many the firmware says it was given, once it has said the same twice."""
    counts: list[int] = []
    with link.subscribe("status") as batches:
        for batch in batches:
            counts += batch["alerts"].tolist()
            if len(counts) > 1 and counts[-1] == counts[-2]:
                return counts[-1]
    raise AssertionError("the link was closed")


def ask(link: fb.Link, count: int = COMMANDS) -> None:
    futures = [link.submit(ALERT, PATIENCE_S) for _ in range(count)]
    for future in futures:
        future.result()


def test_each_is_executed_once(edge_link: fb.Link) -> None:
    before = alerts(edge_link)
    ask(edge_link)
    assert alerts(edge_link) == before + COMMANDS


@pytest.mark.edge_req("LINK-LOSSLESS")
@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "clean"])
def test_each_is_executed_once_on_a_bad_line(
    edge_link: fb.Link, edge_faults: Faults, profile: str
) -> None:
    before = alerts(edge_link)
    with edge_faults.profile(profile):
        ask(edge_link)
    assert alerts(edge_link) == before + COMMANDS


def test_each_is_executed_once_though_the_host_is_unplugged_meanwhile(
    edge_link: fb.Link, edge_faults: Faults
) -> None:
    before = alerts(edge_link)
    for index in range(3):
        edge_faults.at(0.01 + 0.15 * index, "unplug", for_s=0.02)
    for _ in range(10):
        ask(edge_link, COMMANDS // 10)
        edge_link.ping(timeout=PATIENCE_S)
    assert alerts(edge_link) == before + COMMANDS


def test_device_that_takes_nothing_for_a_while_loses_nothing(
    edge_link: fb.Link, edge_faults: Faults
) -> None:
    before = alerts(edge_link)
    edge_faults.stuck(for_s=0.2)
    ask(edge_link)
    assert alerts(edge_link) == before + COMMANDS


@pytest.mark.edge_needs("freeze")
def test_device_that_stands_still_for_a_while_loses_nothing(
    edge_dut: Dut, edge_link: fb.Link
) -> None:
    before = alerts(edge_link)
    with edge_dut.frozen():
        futures = [edge_link.submit(ALERT, PATIENCE_S) for _ in range(COMMANDS)]
        done, _ = wait(futures, timeout=0.2)
        assert not done
    for future in futures:
        future.result()
    assert alerts(edge_link) == before + COMMANDS


@pytest.mark.edge_req("ALERT-UNDER-LOAD")
def test_alert_arrives_under_load(
    edge_link: fb.Link, edge_faults: Faults, record_property: Any
) -> None:
    """Summaries fill the line to the device; alerts go before them."""
    before = alerts(edge_link)
    took_ms = []
    with edge_faults.profile("slow"):
        for number in range(20):
            for _ in range(20):
                edge_link.publish(fb.DetectionSummary(frame=number, count=1, nearest_ttc_ms=9))
            took_ms.append(edge_link.request(ALERT, PATIENCE_S).elapsed_ns / 1e6)
    record_property("alert_under_load_max_ms", max(took_ms))
    assert alerts(edge_link) == before + 20


@pytest.mark.edge_needs("reset")
def test_reset_tells_the_truth_of_what_was_under_way(edge_dut: Dut, edge_link: fb.Link) -> None:
    before = edge_link.info.boot_id
    with edge_dut.frozen():
        sent = edge_link.stats.requests_sent
        future = edge_link.submit(ALERT, PATIENCE_S)
        while edge_link.stats.requests_sent == sent:
            pass
        edge_dut.reset()
    with pytest.raises(fb.UnknownOutcomeError):
        future.result()
    edge_link.request(ALERT, PATIENCE_S)
    assert edge_link.info.boot_id != before
