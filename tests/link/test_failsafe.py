"""When the application falls silent the firmware goes to its safe state by itself, and returns."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.testing import Firmware
from tests.link.rig import BUZZER, LED, STATUS, Rig

pytestmark = pytest.mark.once

LEASE_S = 1.0
SAFE_STATE = 0x10


def changes(rig: Rig) -> list[str]:
    return [t["event"] for t in rig.firmware.traces() if t["event"] in {"safe", "active"}]


def test_firmware_boots_into_the_safe_state_and_stays_there_alone() -> None:
    firmware = Firmware()
    firmware.advance(5_000_000)
    assert firmware.safe
    assert not firmware.buzzer
    assert [t["event"] for t in firmware.traces()] == ["boot", "safe"]


def test_safe_state_blinks_the_warning_and_is_silent() -> None:
    firmware = Firmware()
    led = []
    for _ in range(3000):
        firmware.advance(1000)
        led.append(firmware.led)
        assert not firmware.buzzer
    assert sum(led) == pytest.approx(300, abs=2)


def test_first_heartbeat_makes_it_active() -> None:
    rig = Rig(alive=False).connect()
    rig.run(2.0)
    assert rig.firmware.safe
    rig.alive = True
    assert rig.run_until(lambda: not rig.firmware.safe) < 0.15


def test_dead_host_leads_to_the_safe_state_within_the_lease() -> None:
    rig = Rig().connect()
    rig.run(1.0)
    rig.plugged = False
    assert rig.run_until(lambda: rig.firmware.safe) <= LEASE_S + 0.01


def test_stuck_application_is_noticed_while_its_io_lives() -> None:
    rig = Rig().connect()
    rig.run(1.0)
    rig.alive = False
    assert rig.run_until(lambda: rig.firmware.safe) <= LEASE_S + 0.01
    rig.events.clear()
    rig.run(1.0)
    assert rig.host.open
    assert rig.firmware.connected
    assert len(rig.records(STATUS)) >= 9
    assert {record[1] for record in rig.records(STATUS)} == {1}
    assert rig.alert(1, 100) == 0
    assert rig.firmware.safe


def test_firmware_stays_active_as_long_as_the_lease_is_renewed() -> None:
    rig = Rig().connect()
    changes(rig)
    rig.run(30.0)
    assert not rig.firmware.safe
    assert changes(rig) == []


def test_short_outage_within_the_lease_changes_nothing() -> None:
    rig = Rig().connect()
    rig.run(1.0)
    changes(rig)
    rig.plugged = False
    rig.run(0.5)
    rig.plugged = True
    rig.run(3.0)
    assert changes(rig) == []


@pytest.mark.parametrize("way", ["application", "line"])
def test_return_makes_it_active_again(way: str) -> None:
    rig = Rig().connect()
    for _ in range(3):
        rig.alive, rig.plugged = way != "application", way != "line"
        rig.run_until(lambda: rig.firmware.safe)
        rig.run(2.0)
        rig.alive = rig.plugged = True
        rig.run_until(lambda: not rig.firmware.safe)
    assert changes(rig) == ["safe", *["active", "safe"] * 3, "active"]


def test_safe_state_ends_a_running_alert_and_forgets_what_was_set() -> None:
    rig = Rig().connect()
    rig.set_output(LED, 1)
    rig.set_output(BUZZER, 1)
    rig.alert(3, 60_000)
    rig.alive = False
    rig.run_until(lambda: rig.firmware.safe)
    assert rig.firmware.alert_level == 0
    assert rig.observe(lambda: rig.firmware.buzzer, 2.0) == 0
    rig.alive = True
    rig.run_until(lambda: not rig.firmware.safe)
    assert rig.observe(lambda: rig.firmware.buzzer or rig.firmware.led, 2.0) == 0


def test_output_is_refused_in_the_safe_state() -> None:
    rig = Rig(alive=False).connect()
    assert rig.set_output(BUZZER, 1) == SAFE_STATE
    assert not rig.firmware.buzzer


def test_alert_in_the_safe_state_sounds_and_gives_way_to_the_warning() -> None:
    rig = Rig(alive=False).connect()
    assert rig.alert(3, 500) == 0
    assert rig.firmware.buzzer
    rig.run(0.6)
    assert not rig.firmware.buzzer
    assert rig.observe(lambda: rig.firmware.led, 3.0) == pytest.approx(0.1, abs=0.01)


def test_hung_loop_of_the_port_is_seen_by_the_watchdog() -> None:
    firmware = Firmware()
    firmware.advance(1_000_000)
    kicks = firmware.stats["watchdog_kicks"]
    firmware.advance(0)
    assert firmware.stats["watchdog_kicks"] == kicks + 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(min_value=20, max_value=2500), min_size=1, max_size=12))
def test_safe_exactly_while_no_heartbeat_is_younger_than_the_lease(pauses_ms: list[int]) -> None:
    rig = Rig(alive=False).connect()
    renewed_us = None
    for pause_ms in pauses_ms:
        rig.host.keep_alive(rig.now_us, 1000)
        renewed_us = rig.now_us
        rig.run(0.01)
        for _ in range(pause_ms - 10):
            rig.tick()
            age_s = (rig.now_us - renewed_us) / 1e6
            if 0.21 < age_s < LEASE_S - 0.01:
                assert not rig.firmware.safe
            elif age_s > LEASE_S + 0.01:
                assert rig.firmware.safe
