"""The real agent earns its alerts on this device."""

from __future__ import annotations

from typing import Any

import pytest

from edgecore.testing.agent import AgentProcess
from edgecore.testing.camera import Camera
from edgecore.testing.dut import Dut
from firmware_bridge.testing.faults import Faults
from tests.hil.suite.test_boot_order import wait_until

pytestmark = pytest.mark.timeout(300)

PATIENT = {"alert": {"deadline_s": 30}}
AGENT_S = 200.0
"""For an agent to begin: a second of a processor, which has much else to do."""
BRAKING_S = 7.0
"""On the drive: the car ahead brakes, and is 32 m away; the alert is due a second later."""
SMALL = {"width": 320, "height": 192}
"""A picture of the embedded model's own size: nothing is rendered that it does not look at."""


@pytest.mark.edge_req("ALERT-EARNED")
@pytest.mark.edge_needs("vehicle")
@pytest.mark.parametrize("profile", ["clean", pytest.param("noisy", marks=pytest.mark.edge_slow)])
def test_car_that_brakes_ahead_becomes_an_alert_of_the_firmware(
    edge_dut: Dut,
    edge_agent: AgentProcess,
    edge_camera: Camera,
    edge_faults: Faults,
    profile: str,
) -> None:
    edge_faults.use(profile)
    shot = edge_camera.road(start_s=BRAKING_S, **SMALL)
    edge_agent.start(shot, settings=PATIENT)
    alert = edge_agent.wait_for("alert", timeout=AGENT_S)
    edge_agent.wait_for("alert_result", timeout=AGENT_S)
    wait_until(lambda: any(status["alerts"] for status in edge_dut.heard("status")), "the count")
    summary = edge_agent.stop()
    assert summary["alerts_acknowledged"] == summary["alerts"] >= 1
    assert [seen.class_name for seen in shot.truth(alert["label"]) if seen.is_lead] == ["car"]
    assert edge_dut.heard("Alert")[-1]["kind"] == 1


def test_pictures_of_an_empty_yard_alert_nobody(
    edge_dut: Dut, edge_agent: AgentProcess, edge_camera: Camera, edge_faults: Faults
) -> None:
    import numpy as np

    shot = edge_camera.pictures([np.full((384, 640, 3), 90, np.uint8)] * 3, truth=[[]] * 3)
    heard: list[dict[str, Any]] = []
    for _ in range(3):
        edge_agent.start(shot)
        edge_agent.wait_for("run_ended", timeout=AGENT_S)
        heard = edge_dut.heard("DetectionSummary")
        if heard:
            break  # else the line was held up when the agent ended, which waits for alerts only
    assert edge_dut.heard("Alert") == []
    nothing = {"count": 0, "nearest_ttc_ms": 0xFFFF}
    expected = [{"frame": frame, **nothing} for frame in range(3)]
    assert heard
    assert heard == [summary for summary in expected if summary in heard]


@pytest.mark.edge_needs("vehicle")
def test_alert_that_was_acknowledged_is_not_asked_again_after_the_line_failed(
    edge_dut: Dut, edge_agent: AgentProcess, edge_faults: Faults
) -> None:
    # By the clock: a drive that waits for its agent goes on as fast as that can look at it.
    edge_agent.start("synthetic:?fps=20&first=130&width=320&height=192", settings=PATIENT)
    assert edge_agent.wait_for("alert_result", timeout=AGENT_S)["outcome"] == "done"
    before, events = edge_dut.heard("status")[0]["alerts"], len(edge_agent.events)
    edge_faults.unplug(for_s=0.05)
    edge_agent.wait_for("link_up", after=events)
    edge_dut.wait_for("status")
    given = edge_dut.wait_for("status")["alerts"] - before
    assert given <= sum(event["event"] == "alert" for event in edge_agent.events)
