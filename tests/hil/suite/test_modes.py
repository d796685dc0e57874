"""The firmware obeys while somebody vouches for the application, and is safe when nobody does."""

from __future__ import annotations

import time

import pytest

import firmware_bridge as fb
from edgecore.testing.agent import AgentProcess
from edgecore.testing.camera import Camera
from edgecore.testing.dut import Dut
from firmware_bridge.testing.faults import Faults
from tests.hil.suite.test_agent import AGENT_S

PATIENCE_S = 30.0
ACTIVE, SAFE = 0, 1
LED, BUZZER = 0, 1
ON = 1
REFUSED_SAFE = 0x10


def wait_for_state(link: fb.Link, state: int, alive: bool = False) -> None:
    until_s = time.monotonic() + PATIENCE_S
    with link.subscribe("status") as batches:
        for batch in batches:
            if alive:
                link.keep_alive()
            if batch["state"][-1] == state:
                return
            assert time.monotonic() < until_s, f"state {state} never came: {batch}"


@pytest.mark.edge_req("FAIL-SAFE")
def test_silent_application_leads_to_the_safe_state_and_a_loud_one_out_of_it(
    edge_link: fb.Link,
) -> None:
    edge_link.keep_alive()
    wait_for_state(edge_link, ACTIVE, alive=True)
    edge_link.request(fb.SetOutput(output=LED, value=1), PATIENCE_S)
    wait_for_state(edge_link, SAFE)
    with pytest.raises(fb.RefusedError) as refused:
        edge_link.request(fb.SetOutput(output=LED, value=1), PATIENCE_S)
    assert refused.value.status == REFUSED_SAFE
    edge_link.keep_alive()
    wait_for_state(edge_link, ACTIVE, alive=True)


@pytest.mark.parametrize(("output", "shown"), [(LED, "led"), (BUZZER, "buzzer")])
def test_output_that_is_set_is_the_one_that_shows(
    edge_link: fb.Link, output: int, shown: str
) -> None:
    other = {"led": "buzzer", "buzzer": "led"}[shown]
    edge_link.keep_alive()
    wait_for_state(edge_link, ACTIVE, alive=True)
    edge_link.request(fb.SetOutput(output=output, value=1), PATIENCE_S)
    with edge_link.subscribe("status") as batches:
        record = next(iter(batches))[-1]
    assert (record[shown] == ON, record[other] == ON) == (True, False)
    edge_link.keep_alive()
    edge_link.request(fb.SetOutput(output=output, value=0), PATIENCE_S)


@pytest.mark.edge_req("FAIL-SAFE")
def test_output_stays_off_after_the_safe_state(edge_link: fb.Link) -> None:
    edge_link.keep_alive()
    wait_for_state(edge_link, ACTIVE, alive=True)
    edge_link.request(fb.SetOutput(output=BUZZER, value=1), PATIENCE_S)
    wait_for_state(edge_link, SAFE)
    with edge_link.subscribe("status") as batches:
        edge_link.keep_alive()
        for batch in batches:
            edge_link.keep_alive()
            assert (batch["buzzer"] != ON).all()
            if batch["state"][-1] == ACTIVE:
                return


def test_alert_lasts_as_long_as_asked_and_no_longer(edge_link: fb.Link) -> None:
    edge_link.request(fb.Alert(kind=1, level=2, duration_ms=600), PATIENCE_S)
    lit_us: list[int] = []
    with edge_link.subscribe("status") as batches:
        for batch in batches:
            lit_us += batch["t_us"][batch["alert_level"] == 2].tolist()
            if batch["alert_level"][-1] == 0:
                break
    assert lit_us, "it was over before the first record of it"
    assert 300_000 <= lit_us[-1] - lit_us[0] <= 600_000


@pytest.mark.edge_req("FAIL-SAFE")
def test_unplugged_device_goes_to_its_safe_state_by_itself(
    edge_dut: Dut, edge_link: fb.Link, edge_faults: Faults
) -> None:
    edge_link.keep_alive()
    wait_for_state(edge_link, ACTIVE, alive=True)
    with edge_link.subscribe("status") as records:
        edge_faults.unplug(for_s=1.3)  # longer than the lease
        time.sleep(1.3)
        while (batch := records.read(timeout=PATIENCE_S)) is not None:
            if edge_link.state == "open" and batch["state"][-1] == SAFE:
                return
    raise AssertionError("it is still active")


@pytest.mark.edge_req("FAIL-SAFE")
@pytest.mark.edge_needs("faults")
@pytest.mark.timeout(600)
def test_agent_that_hangs_or_dies_leaves_a_safe_device(
    edge_dut: Dut, edge_agent: AgentProcess, edge_camera: Camera
) -> None:
    edge_agent.start(edge_camera.road(fps=5.0))
    edge_agent.wait_for("run_started", timeout=AGENT_S)
    edge_dut.wait_for("status", lambda status: status["state"] == ACTIVE, timeout=AGENT_S)
    edge_agent.freeze()
    edge_dut.wait_for("status", lambda status: status["state"] == SAFE)
    edge_agent.thaw()
    edge_dut.wait_for("status", lambda status: status["state"] == ACTIVE, timeout=AGENT_S)
    edge_agent.kill()
    time.sleep(1.1)  # longer than the lease
    with edge_dut.connect() as link:
        wait_for_state(link, SAFE)
