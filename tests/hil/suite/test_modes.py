"""The firmware obeys while somebody vouches for the application, and is safe when nobody does."""

from __future__ import annotations

import time

import pytest

import firmware_bridge as fb
from edgecore.testing.agent import AgentProcess
from edgecore.testing.camera import Camera
from edgecore.testing.dut import Dut
from firmware_bridge.testing.faults import Faults
from tests.hil.suite.test_agent import AGENT_S, SMALL
from tests.hil.suite.test_commands import alerts

PATIENCE_S = 30.0
ACTIVE, SAFE = 0, 1
LED, BUZZER = 0, 1
ON = 1
REFUSED_SAFE = 0x10
LEASE_S = 0.3
"""Shorter than the device's own, which is a second, where it does not matter how long one is."""


def wait_for_state(link: fb.Link, state: int, lease_s: float | None = None) -> None:
    """With a lease that is renewed until then, if there is to be one."""
    until_s = time.monotonic() + PATIENCE_S
    with link.subscribe("status") as batches:
        for batch in batches:
            if lease_s is not None:
                link.keep_alive(lease_s)
            if batch["state"][-1] == state:
                return
            assert time.monotonic() < until_s, f"state {state} never came: {batch}"


def set_while_active(link: fb.Link, output: int, lease_s: float = LEASE_S) -> None:
    """Whenever this host itself is kept waiting for longer than the lease, the device is safe."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        wait_for_state(link, ACTIVE, lease_s)
        error = link.submit(fb.SetOutput(output=output, value=1), PATIENCE_S).exception()
        if error is None:
            return
        assert isinstance(error, fb.RefusedError)
        assert error.status == REFUSED_SAFE
    raise AssertionError("it was never active for long enough to be asked something")


def wait_for_refusal(link: fb.Link, output: int = LED) -> None:
    """A renewal that was under way when the lease ended makes it active for a last time."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        wait_for_state(link, SAFE)
        error = link.submit(fb.SetOutput(output=output, value=1), PATIENCE_S).exception()
        if error is not None:
            assert isinstance(error, fb.RefusedError)
            assert error.status == REFUSED_SAFE
            return
    raise AssertionError("it obeys in the safe state")


@pytest.mark.edge_req("FAIL-SAFE")
def test_silent_application_leads_to_the_safe_state_and_a_loud_one_out_of_it(
    edge_link: fb.Link,
) -> None:
    edge_link.keep_alive()
    set_while_active(edge_link, LED, 1.0)
    wait_for_refusal(edge_link)
    edge_link.keep_alive()
    wait_for_state(edge_link, ACTIVE, 1.0)


@pytest.mark.parametrize(("output", "shown"), [(LED, "led"), (BUZZER, "buzzer")])
def test_output_that_is_set_is_the_one_that_shows(
    edge_link: fb.Link, output: int, shown: str
) -> None:
    other = {"led": "buzzer", "buzzer": "led"}[shown]
    until_s = time.monotonic() + PATIENCE_S
    while True:
        set_while_active(edge_link, output)
        with edge_link.subscribe("status") as batches:
            record = next(iter(batches))[-1]
        if record["state"] == ACTIVE and record[shown] == ON:
            break
        assert time.monotonic() < until_s, f"it never showed: {record}"
    assert record[other] != ON
    wait_for_refusal(edge_link)


@pytest.mark.edge_req("FAIL-SAFE")
def test_output_stays_off_after_the_safe_state(edge_link: fb.Link) -> None:
    set_while_active(edge_link, BUZZER)
    wait_for_refusal(edge_link, BUZZER)
    with edge_link.subscribe("status") as batches:
        edge_link.keep_alive(LEASE_S)
        for batch in batches:
            edge_link.keep_alive(LEASE_S)
            assert (batch["buzzer"] != ON).all()
            if batch["state"][-1] == ACTIVE:
                return


def test_alert_lasts_as_long_as_asked_and_no_longer(edge_link: fb.Link) -> None:
    before = alerts(edge_link)
    for asked, duration_ms in enumerate((600, 1500, 6000, 30_000), 1):
        lit_us: list[int] = []
        with edge_link.subscribe("status") as batches:
            edge_link.request(fb.Alert(kind=1, level=2, duration_ms=duration_ms), PATIENCE_S)
            for batch in batches:
                lit_us += batch["t_us"][batch["alert_level"] == 2].tolist()
                if batch["alerts"][-1] >= before + asked and batch["alert_level"][-1] == 0:
                    break
        shown_us = lit_us[-1] - lit_us[0] if lit_us else 0
        assert shown_us <= 1000 * duration_ms
        if shown_us >= 500 * duration_ms:  # else it was itself kept from telling; the longer ones
            return  # are for a machine that is busy with others
    raise AssertionError(f"asked for {duration_ms} ms, it shows for {shown_us} us")


@pytest.mark.edge_req("FAIL-SAFE")
def test_unplugged_device_goes_to_its_safe_state_by_itself(
    edge_dut: Dut, edge_link: fb.Link, edge_faults: Faults
) -> None:
    wait_for_state(edge_link, ACTIVE, LEASE_S)
    with edge_link.subscribe("status") as records:
        edge_faults.unplug(for_s=2 * LEASE_S)
        time.sleep(2 * LEASE_S)
        while (batch := records.read(timeout=PATIENCE_S)) is not None:
            if edge_link.state == "open" and batch["state"][-1] == SAFE:
                return
    raise AssertionError("it is still active")


def boots(dut: Dut) -> set[int]:
    """Those that the device has told of in this test."""
    return {
        reading.head["boot_id"]
        for reading in dut.traffic
        if reading.kind == "HELLO" and reading.direction == "from_device"
    }


def freeze_until_safe(dut: Dut, agent: AgentProcess) -> bool:
    """False: the watchdog came first. It finds an emulator that was kept waiting for too long, and
    no host is there to hear of the state in which the device boots."""
    before = boots(dut)
    agent.freeze()
    until_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            dut.wait_for("status", lambda status: status["state"] == SAFE, timeout=1.0)
        except TimeoutError:
            if boots(dut) - before:
                return False
            if time.monotonic() > until_s:
                raise
        else:
            return True


@pytest.mark.edge_req("FAIL-SAFE")
@pytest.mark.edge_needs("faults")
@pytest.mark.timeout(600)
def test_agent_that_hangs_or_dies_leaves_a_safe_device(
    edge_dut: Dut, edge_agent: AgentProcess, edge_camera: Camera
) -> None:
    edge_agent.start(edge_camera.road(fps=5.0, **SMALL))
    edge_agent.wait_for("run_started", timeout=AGENT_S)
    edge_dut.wait_for("status", lambda status: status["state"] == ACTIVE, timeout=AGENT_S)
    safe = False
    while not safe:
        safe = freeze_until_safe(edge_dut, edge_agent)
        edge_agent.thaw()
        edge_dut.wait_for("status", lambda status: status["state"] == ACTIVE, timeout=AGENT_S)
    edge_agent.kill()
    time.sleep(1.1)  # longer than the lease
    with edge_dut.connect() as link:
        wait_for_state(link, SAFE)
