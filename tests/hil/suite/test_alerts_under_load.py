"""Alerts go before everything else that the line carries, and none of them is lost to it."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

import firmware_bridge as fb
from edgecore.testing.dut import Dut
from firmware_bridge.testing.faults import Faults
from firmware_bridge.testing.load import arrivals, offer
from tests.hil.suite.flood import flood
from tests.hil.suite.test_commands import ALERT, PATIENCE_S, alerts

OFFERS = 100
ALERTS = 40


@pytest.mark.edge_req("ALERT-UNDER-LOAD")
@pytest.mark.parametrize("profile", ["clean", "slow", "noisy"])
def test_each_alert_is_done_beside_telemetry_bulk_and_logs(
    edge_link: fb.Link, edge_faults: Faults, record_property: Any, profile: str
) -> None:
    before = alerts(edge_link)
    logs = edge_link.logs()
    over = threading.Event()

    def keep_flooding() -> None:
        number = 0
        while not over.wait(0.05):
            flood(edge_link, number := number + 5, 5)

    flooding = threading.Thread(target=keep_flooding, name="flood")
    with edge_link.subscribe("status") as records, edge_faults.profile(profile):
        flooding.start()
        try:
            due_s = arrivals("poisson", ALERTS, rate_hz=50, seed=1)
            report = offer(edge_link, ALERT, due_s, timeout=PATIENCE_S)
        finally:
            over.set()
            flooding.join()
        assert records.read(timeout=PATIENCE_S) is not None
    for name, value in report.summary().items():
        record_property(name, value)
    assert report.failed == 0
    assert alerts(edge_link) == before + ALERTS
    assert logs.read(timeout=PATIENCE_S) is not None


@pytest.mark.edge_req("ALERT-UNDER-LOAD")
def test_alert_overtakes_what_waits_to_be_sent(
    edge_dut: Dut, edge_link: fb.Link, edge_faults: Faults
) -> None:
    """A second of it, by the line's pace; what has left the host is not overtaken."""

    def passed() -> list[str]:
        return [
            reading.channel
            for reading in edge_dut.traffic
            if reading.direction == "to_device"
            and (reading.channel == "bulk" or reading.kind == "REQUEST")
        ]

    with edge_faults.profile("slow"):
        flood(edge_link, 1, OFFERS)
        edge_link.request(ALERT, PATIENCE_S)
        place = passed().index("command")
        assert place < OFFERS // 2
        until_s = time.monotonic() + PATIENCE_S
        while passed().count("bulk") <= place:
            assert time.monotonic() < until_s, "no offer came after it"
            time.sleep(0.05)
