"""Every command is executed, once, over whatever line."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import wait
from typing import Any

import numpy as np
import pytest

import firmware_bridge as fb
from edgecore.testing.dut import Dut
from firmware_bridge.events import Outcome, Status
from firmware_bridge.testing.faults import Faults
from firmware_bridge.testing.profile import PROFILES, Profile

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


@pytest.mark.parametrize("way", ["to_device", "from_device"])
def test_command_that_is_lost_alone_is_sent_again(
    edge_link: fb.Link, edge_faults: Faults, way: Any
) -> None:
    """Nothing after it tells that it is missing, neither the request nor its result."""
    before = alerts(edge_link)
    for _ in range(5):
        edge_faults.drop(way)
        edge_link.request(ALERT, PATIENCE_S / 4)
        edge_link.request(ALERT, PATIENCE_S / 4)  # is not lost: how long to wait is known again
    assert edge_faults.counts["bytes_dropped"] > 0
    assert alerts(edge_link) == before + 10


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


def test_each_is_executed_once_asked_by_an_event_loop(edge_link: fb.Link) -> None:
    async def ask_in_turns() -> None:
        for _ in range(COMMANDS // 4):
            await asyncio.gather(*(edge_link.request_async(ALERT, PATIENCE_S) for _ in range(4)))

    before = alerts(edge_link)
    asyncio.run(ask_in_turns())
    assert alerts(edge_link) == before + COMMANDS


@pytest.mark.edge_needs("faults")
def test_event_loop_is_woken_by_every_answer_that_is_late(
    edge_link: fb.Link, edge_faults: Faults
) -> None:
    """The line is left to a loop that asks again at once, which then needs no bell."""

    async def ask_in_turns() -> None:
        for _ in range(4):
            await edge_link.request_async(ALERT, PATIENCE_S)

    with edge_faults.profile(Profile(delay_ms=20.0)):
        asyncio.run(ask_in_turns())


def test_each_of_an_array_ends_as_it_did(edge_link: fb.Link) -> None:
    before = alerts(edge_link)
    records = np.zeros(COMMANDS, edge_link.schema.by_name["Alert"].dtype)
    records["kind"], records["duration_ms"] = 1, 10
    records["level"] = np.arange(COMMANDS) % 2
    records["duration_ms"][1::4] = 0  # a level without a duration makes no sense
    outcomes, statuses = edge_link.request_many("Alert", records, PATIENCE_S)
    refused = records["duration_ms"] == 0
    assert (outcomes == np.where(refused, Outcome.REFUSED, Outcome.DONE)).all()
    assert (statuses == np.where(refused, Status.BAD_ARGUMENT, Status.DONE)).all()
    assert alerts(edge_link) == before + COMMANDS - refused.sum()


def test_none_is_executed_again_though_its_result_was_lost(
    edge_link: fb.Link, edge_faults: Faults
) -> None:
    before = alerts(edge_link)
    with edge_faults.profile(Profile(delay_ms=60.0)):
        for _ in range(3):
            future = edge_link.submit(ALERT, PATIENCE_S)
            edge_faults.at(0.09, "unplug", for_s=0.02)  # the result is on its way then
            future.result()
    assert alerts(edge_link) == before + 3


def test_command_that_comes_after_its_time_is_not_executed(
    edge_link: fb.Link, edge_faults: Faults
) -> None:
    before = alerts(edge_link)
    edge_faults.stuck(for_s=0.4)
    future = edge_link.submit(ALERT, 0.1)
    with pytest.raises(fb.BridgeTimeoutError):
        future.result()
    edge_faults.unplug(for_s=0.05)  # so it never came; the host asks again, to know for certain
    edge_link.request(ALERT, PATIENCE_S)  # after the other
    assert alerts(edge_link) == before + 1


@pytest.mark.edge_needs("freeze")
def test_closed_link_keeps_nobody_waiting(edge_dut: Dut) -> None:
    ended: list[fb.BridgeError] = []
    link = edge_dut.connect()

    def ask_in_vain() -> None:
        try:
            link.request(ALERT, None)
        except fb.BridgeError as error:
            ended.append(error)

    caller = threading.Thread(target=ask_in_vain, daemon=True)
    with edge_dut.frozen():
        sent = link.stats.requests_sent
        caller.start()
        while link.stats.requests_sent == sent:
            pass
        link.close()
        caller.join(PATIENCE_S / 4)
    assert [type(error) for error in ended] == [fb.LinkClosedError]


@pytest.mark.edge_needs("faults")
def test_frame_of_any_size_comes_back_whole(edge_dut: Dut, edge_link: fb.Link) -> None:
    sizes = {24, 25, 127, 128, 253, 254, 255, 256, 257, 511, 512}
    for size in sizes:
        edge_link.ping(size, timeout=PATIENCE_S)

    def whole() -> set[int]:
        return {len(reading.body) for reading in edge_dut.traffic if reading.kind == "PONG"}

    until_s = time.monotonic() + PATIENCE_S
    while not whole() >= sizes:
        assert time.monotonic() < until_s, f"{sorted(sizes - whole())} never came back"
        time.sleep(0.005)
