"""Active and safe, back and forth: every change shows, and every outcome is true to its mode."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import firmware_bridge as fb
from edgecore.testing.dut import Dut
from firmware_bridge.testing.faults import Faults
from tests.hil.suite.test_boot_order import wait_until
from tests.hil.suite.test_commands import ALERT, PATIENCE_S, alerts
from tests.hil.suite.test_modes import (
    ACTIVE,
    LED,
    ON,
    SAFE,
    set_while_active,
    wait_for_refusal,
    wait_for_state,
)

LEASE_S = 0.2
ROUNDS = 3


def wait_for_active(link: fb.Link) -> None:
    """With a lease renewed until it shows; a record is due ten times a second, a lease is not."""
    with link.subscribe("status") as batches:
        for batch in batches:
            if batch["state"][-1] == ACTIVE:
                return
            link.keep_alive(LEASE_S)


@pytest.mark.edge_req("FAIL-SAFE")
@pytest.mark.parametrize("profile", ["clean", "noisy", "congested"])
def test_application_that_comes_and_goes_is_followed_each_time(
    edge_link: fb.Link, edge_faults: Faults, profile: str
) -> None:
    boot_id, before = edge_link.info.boot_id, alerts(edge_link)
    with edge_faults.profile(profile):
        for _ in range(ROUNDS):
            wait_for_active(edge_link)
            wait_for_refusal(edge_link)
            edge_link.request(ALERT, PATIENCE_S)  # which is obeyed in either
    assert edge_link.info.boot_id == boot_id
    assert alerts(edge_link) == before + ROUNDS


@pytest.mark.edge_req("FAIL-SAFE")
def test_output_that_was_on_is_off_in_the_safe_state_and_stays_so(edge_link: fb.Link) -> None:
    set_while_active(edge_link, LED)
    wait_for_state(edge_link, SAFE)
    wait_for_active(edge_link)
    with edge_link.subscribe("status") as batches:
        record = next(iter(batches))[-1]
    assert record["led"] != ON


def close(dut: Dut, link: fb.Link) -> None:
    link.close()


def reset(dut: Dut, link: fb.Link) -> None:
    dut.reset()


def switch_off_and_on(dut: Dut, link: fb.Link) -> None:
    dut.power(False)
    dut.power(True)


@pytest.mark.edge_req("FAIL-SAFE")
@pytest.mark.parametrize(
    "end",
    [
        close,
        pytest.param(reset, marks=pytest.mark.edge_needs("reset")),
        pytest.param(switch_off_and_on, marks=pytest.mark.edge_needs("power")),
    ],
)
def test_device_is_safe_after_whatever_ended_the_session(
    edge_dut: Dut, end: Callable[[Dut, fb.Link], None]
) -> None:
    with edge_dut.connect() as link:
        boot_id = link.info.boot_id
        wait_for_active(link)
        end(edge_dut, link)
        if end is not close:
            wait_until(
                lambda: link.state == "open" and link.info.boot_id != boot_id, "another boot"
            )
    with edge_dut.connect() as link:
        wait_for_refusal(link)
        wait_for_active(link)
