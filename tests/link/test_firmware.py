"""The firmware does what commands say, measures at its pace, and shrugs off the rest."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge import scenario
from firmware_bridge.testing import Firmware
from tests.link.rig import ALERT, BUZZER, IMU, LED, SET_OUTPUT, STATUS, SUMMARY, VEHICLE, Rig

DONE, BAD_ARGUMENT, UNKNOWN_TYPE = 0, 2, 3


def events(rig: Rig, name: str) -> list[dict[str, int]]:
    return [trace for trace in rig.firmware.traces() if trace["event"] == name]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_alert_sounds_and_blinks_for_its_duration_and_ends_by_itself(level: int) -> None:
    rig = Rig().connect()
    assert rig.alert(level, 800) == DONE
    assert rig.firmware.alert_level == level
    seen = [(rig.tick(), rig.firmware.buzzer, rig.firmware.led) for _ in range(500)]
    assert sum(buzzer for _, buzzer, _ in seen) >= 100
    assert 200 <= sum(led for _, _, led in seen) <= 300
    rig.run(0.35)
    assert rig.firmware.alert_level == 0
    assert rig.observe(lambda: rig.firmware.buzzer or rig.firmware.led, 1.0) == 0


def test_alert_lasts_exactly_its_duration() -> None:
    rig = Rig().connect()
    rig.alert(2, 750)
    rig.run(1.0)
    traces = rig.firmware.traces()
    (start,) = [t for t in traces if t["event"] == "alert"]
    (end,) = [t for t in traces if t["event"] == "alert_end"]
    assert (start["level"], start["duration_ms"]) == (2, 750)
    assert end["t_us"] - start["t_us"] == 750_000


def test_more_urgent_alerts_sound_more() -> None:
    shares = []
    for level in (1, 2, 3):
        rig = Rig().connect()
        rig.alert(level, 5000)
        shares.append(rig.observe(lambda rig=rig: rig.firmware.buzzer, 2.0))
    assert shares[0] < shares[1] < shares[2] == 1.0


def test_level_zero_withdraws_the_alert() -> None:
    rig = Rig().connect()
    rig.alert(3, 5000)
    assert rig.firmware.buzzer
    assert rig.alert(0, 0) == DONE
    assert not rig.firmware.buzzer
    assert rig.firmware.alert_level == 0


def test_renewed_alert_lasts_longer() -> None:
    rig = Rig().connect()
    rig.alert(3, 500)
    rig.run(0.4)
    rig.alert(3, 500)
    rig.run(0.3)
    assert rig.firmware.buzzer


def test_outputs_follow_the_host_and_return_after_an_alert() -> None:
    rig = Rig().connect()
    assert rig.set_output(LED, 1) == DONE
    assert rig.set_output(BUZZER, 1) == DONE
    assert rig.firmware.led
    assert rig.firmware.buzzer
    rig.alert(1, 500)
    assert 0 < rig.observe(lambda: rig.firmware.led, 0.45) < 1
    rig.run(0.1)
    assert rig.firmware.led
    assert rig.firmware.buzzer
    assert rig.set_output(BUZZER, 0) == DONE
    assert rig.firmware.led
    assert not rig.firmware.buzzer


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        (ALERT, struct.pack("<BBH", 0, 1, 100)),
        (ALERT, struct.pack("<BBH", 7, 1, 100)),
        (ALERT, struct.pack("<BBH", 1, 4, 100)),
        (ALERT, struct.pack("<BBH", 1, 1, 0)),
        (ALERT, b"\1\1"),
        (ALERT, b""),
        (SET_OUTPUT, b"\2\1"),
        (SET_OUTPUT, b"\0\2"),
        (SET_OUTPUT, b"\0"),
    ],
)
def test_bad_argument_is_refused_and_changes_nothing(type_: int, payload: bytes) -> None:
    rig = Rig().connect()
    assert rig.status_of(type_, payload) == BAD_ARGUMENT
    assert rig.firmware.alert_level == 0
    assert not rig.firmware.led
    assert not rig.firmware.buzzer
    (refused,) = events(rig, "refused")
    assert (refused["type"], refused["status"]) == (type_, BAD_ARGUMENT)


@pytest.mark.parametrize("type_", [0x00, 0x03, SUMMARY, IMU, 0xEF])
def test_unknown_command_is_refused(type_: int) -> None:
    rig = Rig().connect()
    assert rig.status_of(type_, b"\1\1\1\1") == UNKNOWN_TYPE


def test_longer_alert_from_a_newer_host_is_understood() -> None:
    rig = Rig().connect()
    assert rig.status_of(ALERT, struct.pack("<BBHBI", 1, 2, 300, 0, 0xFFFFFFFF)) == DONE
    assert rig.firmware.alert_level == 2


def test_command_that_waited_past_its_deadline_is_refused() -> None:
    rig = Rig(delay_us=30_000).connect()
    rig.plugged = False
    rig.ask(ALERT, struct.pack("<BBH", 1, 1, 500))
    rig.run(0.04)
    rig.plugged = True
    late = rig.ask(ALERT, struct.pack("<BBH", 1, 3, 500), timeout_ms=5)
    rig.run(1.0)
    assert [t["level"] for t in events(rig, "alert")] == [1]
    assert rig.outcomes()[late][0] != DONE


def test_command_is_executed_once_however_often_it_arrives() -> None:
    rig = Rig(duplicate=1.0, delay_us=30_000, jitter_us=30_000, seed=5).connect()
    tokens = [rig.ask(ALERT, struct.pack("<BBH", 1, 1, 100 + i)) for i in range(20)]
    rig.run_until(lambda: all(token in rig.outcomes() for token in tokens))
    rig.run(1.0)
    assert rig.firmware.stats["duplicates"] > 0
    assert [t["duration_ms"] for t in events(rig, "alert")] == [100 + i for i in range(20)]


@pytest.mark.parametrize(("type_", "per_s"), [(IMU, 100), (VEHICLE, 50), (STATUS, 10)])
def test_telemetry_comes_at_its_rate_on_an_even_grid(type_: int, per_s: int) -> None:
    rig = Rig().connect()
    rig.run(10.0)
    times = np.array([record[0] for record in rig.records(type_)], dtype=np.int64)
    assert abs(len(times) - 10 * per_s) <= 0.05 * 10 * per_s
    assert set(np.diff(times)) == {1_000_000 // per_s}


def test_vehicle_and_imu_follow_the_scenario() -> None:
    rig = Rig(Firmware(scene_us=5_000_000, seed=3)).connect()
    rig.run(8.0)
    for t_us, speed_mps in rig.records(VEHICLE):
        assert speed_mps == pytest.approx(scenario.at(5 + t_us / 1e6).ego_speed_mps, abs=0.2)
    imu = np.array(rig.records(IMU))
    truth = [scenario.at(5 + t_us / 1e6) for t_us in imu[:, 0]]
    forward = np.array([scene.ego_acceleration_mps2 for scene in truth])
    turn = np.array([scene.ego_yaw_rate_rps for scene in truth])
    assert np.abs(imu[:, 1] - forward).max() < 0.3
    assert imu[:, 3].mean() == pytest.approx(9.81, abs=0.01)
    assert np.abs(imu[:, 6] - turn).max() < 0.02
    assert forward.min() < -4
    assert 0.01 < imu[:, 3].std() < 0.1


def test_scene_stands_still_before_its_time_zero() -> None:
    rig = Rig(Firmware(scene_us=-60_000_000)).connect()
    rig.run(1.0)
    assert all(abs(speed_mps - 20) < 0.2 for _, speed_mps in rig.records(VEHICLE))


def test_same_seed_measures_the_same_and_another_seed_other_noise() -> None:
    def measured(seed: int) -> list[object]:
        rig = Rig(Firmware(seed=seed)).connect()
        rig.run(1.0)
        return [*rig.records(IMU), *rig.records(VEHICLE)]

    assert measured(1) == measured(1)
    assert measured(1) != measured(2)


def test_status_tells_state_and_what_was_done() -> None:
    rig = Rig(Firmware(boot_id=4711)).connect()
    rig.set_output(LED, 1)
    rig.alert(2, 5000)
    rig.run(0.3)
    _, state, led, buzzer, level, alerts, boot_id = rig.records(STATUS)[-1]
    assert (state, led, buzzer, level, alerts, boot_id) == (0, 2, 2, 2, 1, 4711)
    rig.alert(0, 0)
    rig.run(0.3)
    assert rig.records(STATUS)[-1][1:4] == (0, 1, 0)


def test_detection_summaries_are_kept() -> None:
    rig = Rig().connect()
    for frame in range(5):
        assert rig.host.publish(2, SUMMARY, struct.pack("<IHB", frame, 2300 - frame, 3))
    rig.run(0.1)
    records = rig.firmware.records
    assert records["summaries"] == 5
    assert (records["frame"], records["count"], records["nearest_ttc_ms"]) == (4, 3, 2296)


def test_power_cycle_loses_all_state_and_is_seen_by_the_host() -> None:
    rig = Rig(Firmware(boot_id=10)).connect()
    rig.alert(3, 60_000)
    rig.firmware.power_cycle()
    assert rig.firmware.boot_id == 11
    assert rig.firmware.safe
    assert not rig.firmware.buzzer
    rig.run(2.0)
    assert rig.host.open
    assert rig.firmware.connected
    assert rig.host.peer["boot_id"] == 11
    assert rig.firmware.records["alerts"] == 0
    assert rig.alert(1, 100) == DONE


def test_scene_goes_on_through_a_power_cycle() -> None:
    firmware = Firmware(scene_us=0)
    firmware.advance(9_000_000)
    firmware.power_cycle()
    rig = Rig(firmware).connect()
    rig.run(0.1)
    t_us, speed_mps = rig.records(VEHICLE)[0]
    assert speed_mps == pytest.approx(scenario.at(9 + t_us / 1e6).ego_speed_mps, abs=0.2)
    assert speed_mps < 15


def test_reopened_line_greets_the_host_anew() -> None:
    rig = Rig().connect()
    opened = rig.firmware.stats["opens"]
    rig.firmware.line_lost()
    rig.host.reopen(rig.now_us)
    rig.run(1.0)
    assert rig.firmware.connected
    assert rig.firmware.stats["opens"] == opened + 1
    assert rig.alert(1, 100) == DONE


def test_nobody_reading_the_line_does_not_stop_the_firmware() -> None:
    rig = Rig().connect()
    rig.firmware.advance(600_000_000)
    assert rig.firmware.safe
    assert len(rig.firmware.take()) <= 65536


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=600), max_size=8))
def test_garbage_on_the_line_harms_nothing(pieces: list[bytes]) -> None:
    rig = Rig().connect()
    for piece in pieces:
        rig.firmware.feed(piece)
        rig.run(0.01)
    rig.run_until(lambda: rig.host.open and rig.firmware.connected)
    assert rig.firmware.records["commands"] == 0
    assert rig.alert(2, 100) == DONE


def test_boot_id_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="boot_id must not be 0"):
        Firmware(boot_id=0)


def test_more_bytes_than_the_line_holds_are_refused() -> None:
    with pytest.raises(BufferError, match="the line holds 65536"):
        Firmware().feed(bytes(70_000))
