"""Zones, lines, distance, harsh driving and functions, each with its state machine."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecore.errors import ConfigError
from edgecore.rules import (
    AlertRequest,
    DrivingRule,
    DrivingSettings,
    DwellSettings,
    Event,
    FollowingRule,
    FollowingSettings,
    FunctionRule,
    LineRule,
    LineSettings,
    RuleSet,
    Telemetry,
    ZoneRule,
    ZoneSettings,
)
from edgecore.rules.hysteresis import Change, Hysteresis, State
from edgecore.rules.line import offset
from edgecore.rules.zone import contains
from edgecore.synthetic import Road
from firmware_bridge import scenario

from .rule_parts import imu, kinds, moment, said

SQUARE = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
IN, OUT = (0.5, 0.5), (0.1, 0.5)


# --- the state machine --------------------------------------------------------------------------


def run(machine: Hysteresis, holds: str) -> list[tuple[str, Change | None]]:
    """What each second brings; `#` where the condition holds."""
    told = []
    for second, letter in enumerate(holds):
        change = machine.update(second * 10**9, letter == "#")
        told.append((machine.state.name, change))
    return told


def test_a_condition_begins_when_it_held_long_enough_and_ends_when_it_did_not() -> None:
    out = run(Hysteresis(on_s=2.0, off_s=3.0), ".###...#....")
    assert " ".join(state for state, _ in out) == (
        "OFF RISING RISING ON FALLING FALLING OFF RISING RISING RISING OFF OFF"
    )
    assert [change for _, change in out] == (
        [None] * 3 + [Change.BEGAN, None, None, Change.ENDED] + [None] * 5
    )


def test_a_short_gap_neither_ends_nor_begins_anew() -> None:
    changes = [change for _, change in run(Hysteresis(on_s=3.0, off_s=2.0), "#.##.#.#")]
    assert changes == [None] * 3 + [Change.BEGAN] + [None] * 4


def test_without_times_it_follows_the_condition() -> None:
    changes = [change for _, change in run(Hysteresis(0.0, 0.0), "#..#")]
    assert changes == [Change.BEGAN, Change.ENDED, None, Change.BEGAN]


@given(
    st.lists(st.tuples(st.integers(0, 2 * 10**9), st.booleans()), max_size=60),
    st.floats(0, 3),
    st.floats(0, 3),
)
def test_changes_alternate_and_are_earned(steps, on_s, off_s) -> None:
    machine, t_ns, is_on = Hysteresis(on_s, off_s), 0, False
    since_ns = held_ns = 0
    for step_ns, holds in steps:
        t_ns += step_ns
        rising = holds and machine.state is State.OFF
        change = machine.update(t_ns, holds)
        since_ns, held_ns = t_ns if rising else since_ns, t_ns if holds else held_ns
        if change is not None:
            assert (change is Change.BEGAN) == (not is_on)
            is_on = not is_on
            if change is Change.BEGAN:
                assert holds
                assert t_ns - since_ns >= round(on_s * 1e9)
            else:
                assert not holds
                assert t_ns - held_ns >= round(off_s * 1e9)
                assert machine.lasted_s == (held_ns - since_ns) / 1e9
        assert is_on == (machine.state in (State.ON, State.FALLING))


# --- zones --------------------------------------------------------------------------------------


def test_an_object_enters_and_leaves_once_in_spite_of_flicker() -> None:
    rule = ZoneRule(ZoneSettings(SQUARE, enter_s=0.2, leave_s=0.5))
    places = [OUT] * 5 + [IN, IN, OUT, IN, IN, IN, IN] + [IN, OUT] * 10 + [OUT] * 20
    moments = [moment(index / 10, {7: place}) for index, place in enumerate(places)]
    events = said(rule, moments)
    assert [(event.kind, event.tracker_ids) for event in events] == [
        ("entered", (7,)),
        ("left", (7,)),
    ]
    assert events[0].t_ns == 800_000_000
    assert events[0].facts == {"inside": 1}
    assert events[1].facts == {"inside": 0, "stayed_s": pytest.approx(2.5)}


def test_one_who_is_not_seen_any_more_has_left() -> None:
    rule = ZoneRule(ZoneSettings(SQUARE, enter_s=0, leave_s=1.0))
    moments = [moment(0, {1: IN}), moment(0.5, {}), moment(0.9, {}), moment(1.0, {}), moment(9, {})]
    assert kinds(rule, moments) == [(0, "entered"), (1.0, "left")]


def test_objects_are_counted_apart_and_by_class() -> None:
    rule = ZoneRule(ZoneSettings(SQUARE, classes=("person",), enter_s=0))
    events = said(rule, [moment(0, {1: IN, 2: (0.3, 0.3), 3: OUT, -1: IN})])
    assert [(event.tracker_ids, event.facts["inside"]) for event in events] == [
        ((1,), 1),
        ((2,), 2),
    ]
    assert said(rule, [moment(0.1, {9: IN}, class_name="car")]) == []
    assert rule.inside == 2


def test_dwelling_is_said_once_a_stay_and_asks_for_the_alert() -> None:
    alert = AlertRequest(5, level=2)
    rule = ZoneRule(DwellSettings(SQUARE, dwell_s=3.0), alert)
    moments = [moment(index / 2, {4: IN if index < 20 else OUT}) for index in range(30)]
    events = said(rule, moments)
    assert [(event.kind, event.t_ns / 1e9, event.alert) for event in events] == [
        ("dwelling", 3.0, alert),
        ("left", 10.5, None),
    ]


def test_one_who_passes_through_does_not_dwell() -> None:
    rule = ZoneRule(DwellSettings(SQUARE, dwell_s=3.0))
    moments = [moment(index / 2, {4: IN if index < 5 else OUT}) for index in range(30)]
    assert said(rule, moments) == []


def test_the_anchor_decides_what_is_inside() -> None:
    feet_below = {1: (0.5, 0.8)}  # the box reaches from 0.6 to 0.8
    assert said(ZoneRule(ZoneSettings(SQUARE, enter_s=0)), [moment(0, feet_below)]) == []
    centre = ZoneRule(ZoneSettings(SQUARE, enter_s=0, anchor="centre"))
    assert len(said(centre, [moment(0, feet_below)])) == 1


@given(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2))
def test_a_point_is_in_a_square_exactly_where_its_sides_say(x, y) -> None:
    assert contains(SQUARE, (x, y)) == (0.25 <= x < 0.75 and 0.25 <= y < 0.75)


def test_a_polygon_may_be_concave() -> None:
    arrow = ((0, 0), (1, 0.5), (0, 1), (0.5, 0.5))
    assert contains(arrow, (0.6, 0.5))
    assert not contains(arrow, (0.2, 0.5))


@pytest.mark.parametrize(
    ("polygon", "text"),
    [
        (SQUARE[:2], "expected at least 3 corners, got 2"),
        (((0, 0), (0.5, 0.5), (1, 1)), "expected corners around an area"),
    ],
)
def test_polygons_that_are_none_are_refused(polygon, text) -> None:
    with pytest.raises(ConfigError, match=f"polygon: {text}"):
        ZoneSettings(polygon)


# --- lines --------------------------------------------------------------------------------------

UP = LineSettings(start=(0.5, 0.9), end=(0.5, 0.1))


def walk(*xs: float, y: float = 0.5, who: int = 3) -> list:
    return [moment(index / 10, {who: (x, y)}) for index, x in enumerate(xs)]


def test_crossing_is_counted_by_direction() -> None:
    rule = LineRule(UP)
    (there,) = said(rule, walk(0.3, 0.4, 0.48, 0.55, 0.6))
    (back,) = said(rule, walk(0.6, 0.4, 0.3))
    assert (there.kind, there.tracker_ids, there.t_ns) == ("crossed", (3,), 300_000_000)
    assert there.facts == {"direction": "in", "count_in": 1, "count_out": 0}
    assert back.facts == {"direction": "out", "count_in": 1, "count_out": 1}


def test_one_who_hesitates_on_the_line_crosses_once() -> None:
    rule = LineRule(UP)
    assert len(said(rule, walk(0.4, *[0.499, 0.501] * 20, 0.6))) == 1
    assert said(rule, walk(0.6, *[0.499, 0.501] * 20, 0.6)) == []


def test_passing_beside_the_line_is_no_crossing() -> None:
    assert said(LineRule(UP), walk(0.3, 0.7, y=0.05)) == []
    assert said(LineRule(UP), walk(0.3, 0.7, y=0.95)) == []


def test_only_the_wanted_direction_is_counted() -> None:
    rule = LineRule(LineSettings(UP.start, UP.end, direction="out"))
    assert said(rule, walk(0.3, 0.7)) == []
    assert [event.facts["count_out"] for event in said(rule, walk(0.7, 0.3))] == [1]


def test_an_object_that_was_gone_too_long_begins_anew() -> None:
    for gone_s, crossings in ((1.0, 1), (5.0, 0)):
        rule = LineRule(UP)
        moments = [
            moment(0, {3: (0.3, 0.5)}),
            moment(gone_s - 0.1),
            moment(gone_s, {3: (0.7, 0.5)}),
        ]
        assert len(said(rule, moments)) == crossings


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_offset_is_the_distance_with_a_sign(x, y) -> None:
    assert offset((0, 1), (0, -1), (x, y)) == pytest.approx(x)
    assert offset((0, 0), (3, 4), (x, y)) == pytest.approx((3 * y - 4 * x) / 5)


def test_a_line_needs_two_points() -> None:
    with pytest.raises(ConfigError, match="end: expected another point than start"):
        LineSettings((0.5, 0.5), (0.5, 0.5))


# --- following distance -------------------------------------------------------------------------


def behind(gap_m: float, t_s: float, speed_mps: float | None = 20.0):
    """A car whose wheels an ideal camera of the default settings sees at this distance."""
    horizon, focal_px = 0.45 * 100, 0.95 * 200
    bottom = (horizon + focal_px * 1.3 / gap_m) / 100
    return moment(t_s, {5: (0.5, bottom)}, class_name="car", speed_mps=speed_mps)


def test_too_close_for_long_enough_is_said_once_until_it_is_clear() -> None:
    gaps = [30.0] * 10 + [15.0] * 20 + [20.0] * 20 + [30.0] * 20 + [15.0] * 20
    events = said(FollowingRule(), [behind(gap, index / 10) for index, gap in enumerate(gaps)])
    assert [(event.kind, event.t_ns / 1e9) for event in events] == [
        ("too_close", 2.0),
        ("clear", 5.9),
        ("too_close", 8.0),
    ]
    assert events[0].facts == {"headway_s": 0.75, "distance_m": 15.0, "ego_speed_mps": 20.0}
    assert events[0].tracker_ids == (5,)
    assert events[1].facts == {"lasted_s": pytest.approx(3.9)}


@pytest.mark.parametrize("speed_mps", [None, 3.0])
def test_unknown_or_low_speed_is_never_too_close(speed_mps) -> None:
    moments = [behind(8.0, index / 10, speed_mps) for index in range(40)]
    assert said(FollowingRule(), moments) == []


def test_distance_on_the_rendered_road_is_the_true_one() -> None:
    road = Road(seed=0)
    rule = FollowingRule()
    for t_s in (0.0, 5.0, 8.0, 10.0):
        _, truths = road.render(t_s)
        lead = next(truth for truth in truths if truth.is_lead)
        bottom_px = lead.xyxy[3]
        distance_m = rule._distance_m(bottom_px, (road.camera.width, road.camera.height))
        assert distance_m == pytest.approx(lead.distance_m, rel=0.05)


# --- harsh driving ------------------------------------------------------------------------------


def drive_records(profile, seconds: float = 6.0, rate: float = 100.0, per_frame: int = 5) -> list:
    times = np.arange(0.0, seconds, 1 / rate) + 1.0
    x, y = profile(times - 1.0)
    records = imu(times, x, y)
    return [
        moment(
            1.0 + (first + per_frame) / rate, imu=records[first : first + per_frame], frame=first
        )
        for first in range(0, len(records), per_frame)
    ]


def pulse(t, start, end, height):
    return np.where((t >= start) & (t < end), height, 0.0)


@pytest.mark.parametrize(
    ("kind", "x", "y"),
    [
        ("harsh_braking", -5.0, 0.0),
        ("harsh_acceleration", 4.0, 0.0),
        ("harsh_cornering", 0.0, 5.0),
        ("harsh_cornering", 0.0, -5.0),
    ],
)
def test_each_manoeuvre_begins_and_ends_once(kind, x, y) -> None:
    moments = drive_records(lambda t: (pulse(t, 1, 3, x), pulse(t, 1, 3, y)))
    events = said(DrivingRule(), moments)
    assert [event.kind for event in events] == [kind, f"{kind}_ended"]
    assert events[0].t_ns / 1e9 == pytest.approx(2.4, abs=0.15)
    assert events[1].facts["peak_mps2"] == pytest.approx(abs(x + y), rel=0.01)
    assert events[1].facts["lasted_s"] == pytest.approx(1.9, abs=0.2)


def test_bumps_and_noise_are_not_harsh() -> None:
    random = np.random.default_rng(0)

    def rough(t):
        bumps = np.where(np.round(t * 100) % 70 < 4, -9.0, 0.0)
        return bumps + random.normal(0, 1.0, len(t)), random.normal(0, 1.0, len(t))

    assert said(DrivingRule(), drive_records(rough, 60.0)) == []


def test_a_manoeuvre_that_wavers_about_the_threshold_is_one() -> None:
    moments = drive_records(lambda t: (-3.5 + 0.4 * np.sin(12 * t) - pulse(t, 1, 4, 0.5), 0 * t))
    assert [event.kind for event in said(DrivingRule(), moments)] == ["harsh_braking"]


@pytest.mark.parametrize("per_frame", [1, 7, 300])
def test_events_do_not_depend_on_how_records_come_in(per_frame) -> None:
    def profile(t):
        return pulse(t, 1, 2.5, -6.0), pulse(t, 3, 4.5, 4.5)

    wanted = [(e.kind, e.t_ns, e.facts) for e in said(DrivingRule(), drive_records(profile))]
    moments = drive_records(profile, per_frame=per_frame)
    assert [(e.kind, e.t_ns, e.facts) for e in said(DrivingRule(), moments)] == wanted
    assert len(wanted) == 4


def test_the_sensor_may_be_turned() -> None:
    turned = DrivingRule(DrivingSettings(forward="-y", left="x"))
    moments = drive_records(lambda t: (0 * t, pulse(t, 1, 3, 5.0)))
    assert said(turned, moments)[0].kind == "harsh_braking"
    with pytest.raises(ConfigError, match=r"left: expected another axis than forward \(x\)"):
        DrivingSettings(left="-x")


def test_records_with_nan_or_out_of_order_are_left_out() -> None:
    records = imu(np.array([1.0, 2.0, 1.5, 2.1]), np.array([0, np.nan, -99, 0]))
    rule = DrivingRule(DrivingSettings(on_s=0, smoothing_s=0))
    assert said(rule, [moment(2.2, imu=records)])[0].t_ns == 1_500_000_000
    assert said(rule, [moment(2.3, imu=imu(np.array([1.9]), -99.0))]) == []


def test_the_scenario_brakes_harshly_once_a_period() -> None:
    times = np.arange(0, 2 * scenario.PERIOD_S, 0.01)
    scenes = [scenario.at(float(t)) for t in times]
    x = np.array([scene.ego_acceleration_mps2 for scene in scenes])
    y = np.array([scene.ego_speed_mps * scene.ego_yaw_rate_rps for scene in scenes])
    events = said(DrivingRule(), [moment(99.0, imu=imu(times + 1.0, x, y))])
    assert [event.kind for event in events] == ["harsh_braking", "harsh_braking_ended"] * 2
    assert all(7.2 < (event.t_ns / 1e9 - 1.0) % scenario.PERIOD_S < 11.5 for event in events)


# --- telemetry ----------------------------------------------------------------------------------


def speeds(*pairs: tuple[float, float]) -> np.ndarray:
    records = np.zeros(len(pairs), [("speed_mps", "<f4"), ("t_ns", "<i8")])
    records["t_ns"] = [round(t_s * 1e9) for t_s, _ in pairs]
    records["speed_mps"] = [speed for _, speed in pairs]
    return records


def test_speed_is_that_of_the_frames_own_time() -> None:
    telemetry = Telemetry()
    assert telemetry.speed_mps(10**9) is None
    telemetry.add("vehicle", speeds((1.0, 10.0), (1.5, 20.0)))
    telemetry.add("vehicle", speeds((2.0, 20.0)))
    for t_s, speed in ((1.0, 10.0), (1.25, 15.0), (1.7, 20.0), (2.9, 20.0), (0.2, 10.0)):
        assert telemetry.speed_mps(round(t_s * 1e9)) == pytest.approx(speed)
    assert telemetry.speed_mps(round(3.1e9)) is None
    assert telemetry.speed_mps(0) == 10.0
    telemetry.add("vehicle", speeds((9.0, 0.0)))
    assert telemetry.speed_mps(5 * 10**9) is None


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_speed_of_a_sensor_that_fails_is_not_known(broken: float) -> None:
    telemetry = Telemetry()
    telemetry.add("vehicle", speeds((1.0, broken), (1.5, broken)))
    assert telemetry.speed_mps(10**9) is None
    telemetry.add("vehicle", speeds((1.8, 10.0), (1.9, broken)))
    assert telemetry.speed_mps(2 * 10**9) == 10.0
    assert len(telemetry.take()["vehicle"]) == 4


def test_records_are_taken_once_and_batches_joined() -> None:
    telemetry = Telemetry()
    telemetry.add("imu", imu(np.array([1.0, 1.1])))
    telemetry.add("imu", imu(np.array([1.2])))
    telemetry.add("vehicle", speeds((1.0, 10.0)))
    taken = telemetry.take()
    assert taken["imu"]["t_ns"].tolist() == [10**9, 1_100_000_000, 1_200_000_000]
    assert len(taken["vehicle"]) == 1
    assert telemetry.take() == {}


def test_batches_of_another_layout_wait_for_the_next_frame() -> None:
    telemetry = Telemetry()
    telemetry.add("vehicle", speeds((1.0, 10.0)))
    telemetry.add("vehicle", np.zeros(2, [("odometer", "<u4"), ("t_ns", "<i8")]))
    assert telemetry.take()["vehicle"].dtype.names == ("speed_mps", "t_ns")
    assert telemetry.take()["vehicle"].dtype.names == ("odometer", "t_ns")


def test_what_nobody_takes_is_bounded() -> None:
    telemetry = Telemetry()
    for index in range(2000):
        telemetry.add("imu", imu(np.array([float(index)])))
    taken = telemetry.take()["imu"]
    assert len(taken) == 512
    assert taken["t_ns"][-1] == 1999 * 10**9


# --- functions and sets -------------------------------------------------------------------------


def test_a_function_is_a_rule_and_its_events_bear_the_rules_name() -> None:
    def crowded(one):
        if len(one.detections) > 1:
            return [one.event("crowded", one.tracker_id, AlertRequest(9), count=2)]
        return None

    rules = RuleSet({"crowd": FunctionRule(crowded)})
    assert rules.judge(moment(0, {1: IN})) == []
    (event,) = rules.judge(moment(1, {1: IN, 2: OUT}, frame=41))
    assert event == Event("crowded", 41, 10**9, (1, 2), {"count": 2}, AlertRequest(9), "crowd")


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"t_ns": 3}, "facts: expected other names than 't_ns'"),
        ({"speed": float("nan")}, "not JSON compliant"),
        ({"speed": np.float32(1)}, "float32 is not JSON serializable"),
    ],
)
def test_events_that_cannot_be_written_down_are_an_error_of_the_rule(facts, reason) -> None:
    rules = RuleSet({"mine": FunctionRule(lambda one: [Event("odd", 0, 0, (), facts)])})
    (event,) = rules.judge(moment(0))
    assert (event.kind, event.rule) == ("rule_error", "mine")
    assert reason in event.facts["reason"]


@pytest.mark.parametrize(
    ("alert", "reason"),
    [
        (AlertRequest(kind=300), "alert.kind: expected a number from 1 to 255, got 300"),
        (AlertRequest(4, level=1.5), "alert.level: expected a whole number, got 1.5"),
        ("loud", "alert: expected an edgecore.rules.AlertRequest or None, got str"),
    ],
)
def test_alerts_that_cannot_be_are_an_error_of_the_rule(alert, reason) -> None:
    rules = RuleSet({"mine": FunctionRule(lambda one: [one.event("odd", alert=alert)])})
    (event,) = rules.judge(moment(0))
    assert (event.kind, event.alert) == ("rule_error", None)
    assert reason in event.facts["reason"]


def test_a_rule_that_calls_exit_is_one_that_raises() -> None:
    rules = RuleSet({"mine": FunctionRule(lambda _: sys.exit(3))})
    (event,) = rules.judge(moment(0))
    assert (event.kind, event.facts["reason"]) == ("rule_error", "SystemExit: 3")


def test_a_rule_that_raises_says_so_once_and_stops_nobody() -> None:
    def broken(one):
        raise KeyError("speed" if one.t_s < 2 else "imu")

    zone = ZoneRule(ZoneSettings(SQUARE, enter_s=0))
    rules = RuleSet({"broken": FunctionRule(broken), "zone": zone})
    events = [event for t_s in range(4) for event in rules.judge(moment(t_s, {1: IN}))]
    assert [(event.rule, event.kind) for event in events] == [
        ("broken", "rule_error"),
        ("zone", "entered"),
        ("broken", "rule_error"),
    ]
    assert events[0].facts == {"reason": "KeyError: 'speed'"}


def test_something_else_than_an_event_is_named() -> None:
    (event,) = RuleSet({"mine": FunctionRule(lambda _: ["help"])}).judge(moment(0))
    assert event.facts["reason"] == "TypeError: expected an edgecore.rules.Event, got str"


def test_following_needs_a_clearance_above_the_headway() -> None:
    with pytest.raises(ConfigError, match=r"clear_s: expected at least headway_s \(0.9\), got 0.5"):
        FollowingSettings(clear_s=0.5)
