"""The agent takes its frames from a camera process's ring, and their truth is still known."""

from __future__ import annotations

import numpy as np
import pytest

from edgecore import sources
from edgecore.testing import RigError
from edgecore.testing.agent import AgentProcess
from edgecore.testing.camera import Camera
from edgecore.testing.dut import Dut
from edgecore.testing.latency import LatencyLab
from tests.hil.suite.test_agent import AGENT_S, BRAKING_S, PATIENT, SMALL

pytestmark = pytest.mark.timeout(300)


@pytest.mark.edge_req("ALERT-EARNED", "LATENCY-3")
@pytest.mark.edge_needs("vehicle", "faults")
def test_car_in_the_ring_becomes_an_alert_whose_whole_way_is_known(
    edge_dut: Dut, edge_agent: AgentProcess, edge_camera: Camera, edge_latency: LatencyLab
) -> None:
    shot = edge_camera.ring(edge_camera.road(start_s=BRAKING_S, **SMALL))
    edge_agent.start(shot, settings=PATIENT)
    alert = edge_agent.wait_for("alert", timeout=AGENT_S)
    edge_agent.wait_for("alert_result", timeout=AGENT_S)
    edge_agent.stop()
    assert alert["label"].startswith(shot.source.partition(":")[2].partition("?")[0])
    assert [seen.class_name for seen in shot.truth(alert["label"]) if seen.is_lead] == ["car"]
    assert edge_dut.heard("Alert")[-1]["kind"] == 1
    told = {one.leg: one for one in edge_latency.agent(edge_agent.events)}
    assert told["due to actuated"].count >= 1
    error_ms = told["due to actuated"].error_ms
    assert error_ms is not None
    assert told["inference"].values_ms[0] > 0
    assert told["due to actuated"].max_ms > told["inference"].values_ms[0] - error_ms


def test_each_picture_is_known_by_its_number(edge_camera: Camera) -> None:
    """Read here rather than by an agent, to look at the pixels."""
    pictures = [np.full((64, 96, 3), 10 * number, np.uint8) for number in range(1, 6)]
    shot = edge_camera.ring(
        edge_camera.pictures(pictures, truth=[[number] for number in range(1, 6)]),  # type: ignore[list-item]
        fps=10,
    )
    seen = []
    with sources.open(shot.source) as reader:
        for frame in reader:
            (number,) = shot.truth(reader.label)
            assert (frame.planes[0] == 10 * number).all()
            seen.append(number)
    assert seen == sorted(seen)
    assert len(seen) + reader.dropped == 5
    with pytest.raises(KeyError, match="expected a label such as"):
        shot.truth("elsewhere#1")


def test_agent_ends_with_the_camera(edge_agent: AgentProcess, edge_camera: Camera) -> None:
    yard = edge_camera.pictures([np.full((384, 640, 3), 90, np.uint8)] * 3)
    edge_agent.start(edge_camera.ring(yard, fps=10))
    assert edge_agent.wait_for("run_ended", timeout=AGENT_S)["why"] == "the source ended"


def test_a_camera_without_frames_is_an_error_of_the_rig(edge_camera: Camera) -> None:
    with pytest.raises(RigError, match=r"rig: no camera: .*no pictures in this folder"):
        edge_camera.ring(edge_camera.pictures([]))
