"""The forward-collision rule on boxes of an ideal camera: no pictures, no model, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecore import Detections, Tracker
from edgecore.errors import ConfigError
from edgecore.rules import Assessment, CollisionRule, CollisionSettings, Danger, Moment
from edgecore.rules.collision import find_lead
from firmware_bridge import scenario

SIZE = (640, 384)
FOCAL_PX = 400.0
CAMERA_HEIGHT_M = 1.3
HORIZON_PX = 0.42 * SIZE[1]

Box = tuple[float, float, float, float]


def vehicle(gap_m: float, lateral_m: float = 0.0, width_m: float = 1.8) -> Box:
    """Where an ideal camera sees the back of a car, clipped to the picture."""
    scale = FOCAL_PX / gap_m
    centre = SIZE[0] / 2 + lateral_m * scale
    bottom = HORIZON_PX + CAMERA_HEIGHT_M * scale
    return (
        max(0.0, centre - width_m / 2 * scale),
        max(0.0, bottom - 1.5 * scale),
        min(float(SIZE[0]), centre + width_m / 2 * scale),
        min(float(SIZE[1]), bottom),
    )


def boxes(*each: Box) -> np.ndarray:
    return np.array(each, dtype=np.float32).reshape(-1, 4)


def drive(
    rule: CollisionRule,
    times_s: Iterable[float],
    gap_m: Callable[[float], float | None],
    speed_mps: Callable[[float], float | None] = lambda _: 20.0,
    noise: np.random.Generator | None = None,
) -> list[tuple[float, Assessment]]:
    seen, tracker = [], Tracker(min_sightings=1)
    for t_s in times_s:
        gap = gap_m(t_s)
        found = boxes() if gap is None else boxes(vehicle(gap))
        if noise is not None and len(found):
            found = found + noise.normal(0, 0.01, (1, 4)).astype(np.float32) * (
                found[:, 2:3] - found[:, 0:1]
            )
        t_ns, n = 10**9 + round(t_s * 1e9), len(found)
        detections = Detections(
            found, np.full(n, 0.9, np.float32), np.zeros(n, np.int32), ["car"] * n
        )
        tracked = tracker.update(detections, t_ns)
        seen.append((t_s, rule.assess(Moment(0, t_ns, tracked, SIZE, speed_mps(t_s)))))
    return seen


def alerts(seen: list[tuple[float, Assessment]]) -> list[float]:
    return [t_s for t_s, assessment in seen if assessment.alert]


def frames(start_s: float, end_s: float, fps: float = 20.0) -> np.ndarray:
    return np.arange(round(start_s * fps), round(end_s * fps)) / fps


@pytest.mark.parametrize("fps", [3.0, 8.0, 20.0, 60.0])
def test_scenario_gives_one_alert_per_brake_while_it_is_still_dangerous(fps: float) -> None:
    rule = CollisionRule()
    period = scenario.PERIOD_S
    seen = drive(
        rule,
        frames(0, 3 * period, fps),
        lambda t: scenario.at(t).lead_gap_m,
        lambda t: scenario.at(t).ego_speed_mps,
        np.random.default_rng(1),
    )
    when = alerts(seen)
    assert len(when) == 3
    for t_s in when:
        scene = scenario.at(t_s)
        assert scene.ego_speed_mps > scene.lead_speed_mps
        assert 6.0 < t_s % period < 11.0


def test_time_to_collision_is_the_true_one_while_closing_steadily() -> None:
    seen = drive(CollisionRule(), frames(0, 3), lambda t: 40.0 - 8.0 * t)
    for t_s, assessment in seen[15:]:
        true = (40.0 - 8.0 * t_s) / 8.0
        assert assessment.ttc_s == pytest.approx(true, rel=0.06)


@settings(max_examples=60, deadline=None)
@given(
    gap_m=st.floats(15, 60),
    closing_mps=st.floats(3, 12),
    fps=st.floats(8, 40),
)
def test_steady_closing_alerts_exactly_once_and_in_time(
    gap_m: float, closing_mps: float, fps: float
) -> None:
    crash_s = gap_m / closing_mps
    seen = drive(
        CollisionRule(),
        frames(0, max(0.0, crash_s - 0.7), fps),
        lambda t: gap_m - closing_mps * t,
    )
    when = alerts(seen)
    if crash_s > 4.5:
        assert len(when) == 1
        assert 1.2 <= crash_s - when[0] <= 3.0
    else:
        assert len(when) <= 1


def test_lead_at_a_constant_gap_never_alerts_in_spite_of_jitter() -> None:
    seen = drive(CollisionRule(), frames(0, 60), lambda _: 12.0, noise=np.random.default_rng(2))
    assert alerts(seen) == []


def test_lead_that_draws_away_has_no_time_to_collision() -> None:
    seen = drive(CollisionRule(), frames(0, 2), lambda t: 10.0 + 6.0 * t)
    assert all(assessment.ttc_s is None for _, assessment in seen)


def test_alert_waits_for_the_set_number_of_frames_in_a_row() -> None:
    def first(count: int) -> float:
        rule = CollisionRule(CollisionSettings(frames=count))
        return alerts(drive(rule, frames(0, 4.5), lambda t: 40.0 - 8.0 * t))[0]

    assert first(6) - first(1) == pytest.approx(5 / 20.0)


def test_ego_that_stands_is_not_alerted() -> None:
    seen = drive(CollisionRule(), frames(0, 4.5), lambda t: 40.0 - 8.0 * t, lambda _: 0.5)
    assert alerts(seen) == []
    assert any(a.ttc_s is not None and a.ttc_s < 2.5 for _, a in seen)


def test_unknown_ego_speed_does_not_silence_the_rule() -> None:
    seen = drive(CollisionRule(), frames(0, 4.5), lambda t: 40.0 - 8.0 * t, lambda _: None)
    assert len(alerts(seen)) == 1


def test_rule_rearms_after_the_danger_has_passed_and_alerts_again() -> None:
    def gap(t: float) -> float:
        phase = t % 10.0
        return 40.0 - 8.0 * phase if phase < 4.0 else 8.0 + 32.0 * (phase - 4.0) / 6.0

    assert len(alerts(drive(CollisionRule(), frames(0, 20), gap))) == 2


def test_rule_does_not_rearm_while_the_danger_lasts() -> None:
    rule = CollisionRule()
    drive(rule, frames(0, 3.5), lambda t: 40.0 - 8.0 * t)
    assert rule.danger is Danger.ALERTED
    seen = drive(rule, frames(3.5, 4.2), lambda t: 40.0 - 8.0 * t)
    assert alerts(seen) == []
    assert rule.danger is Danger.ALERTED


def test_lost_lead_rearms_after_the_set_time() -> None:
    rule = CollisionRule()
    drive(rule, frames(0, 3.5), lambda t: 40.0 - 8.0 * t)
    drive(rule, frames(3.5, 4.4), lambda _: None)
    assert rule.danger is Danger.ALERTED
    drive(rule, frames(4.4, 4.6), lambda _: None)
    assert rule.danger is Danger.CLEAR


def test_one_missed_detection_does_not_lose_the_growth() -> None:
    seen = drive(
        CollisionRule(), frames(0, 4.5), lambda t: None if round(t * 20) % 7 == 0 else 40 - 8 * t
    )
    assert len(alerts(seen)) == 1


def test_another_vehicle_taking_the_lead_does_not_count_as_growth() -> None:
    seen = drive(CollisionRule(), frames(0, 4), lambda t: 40.0 if t < 2 else 12.0)
    assert alerts(seen) == []


def test_lead_clipped_by_the_lower_edge_is_measured_by_its_width() -> None:
    seen = drive(CollisionRule(), frames(0, 2.2), lambda t: 6.0 - 2.0 * t)
    clipped = [a for t, a in seen if CAMERA_HEIGHT_M * FOCAL_PX / (6 - 2 * t) > 0.58 * SIZE[1]]
    assert clipped
    late = [(t, a.ttc_s) for t, a in seen if 1.0 < t < 1.8]
    for t_s, ttc_s in late:
        assert ttc_s == pytest.approx((6 - 2 * t_s) / 2, abs=0.2)


def test_lead_is_the_nearest_vehicle_in_the_lane() -> None:
    found = boxes(vehicle(30), vehicle(15), vehicle(8, lateral_m=3.6), vehicle(8, lateral_m=-3.6))
    assert find_lead(found, ["car"] * 4, SIZE, CollisionSettings()) == 1


@pytest.mark.parametrize("lateral_m", [-3.5, 3.5])
@pytest.mark.parametrize("gap_m", [8.0, 15.0, 30.0])
def test_vehicle_in_the_next_lane_is_not_the_lead(gap_m: float, lateral_m: float) -> None:
    found = boxes(vehicle(gap_m, lateral_m))
    assert find_lead(found, ["truck"], SIZE, CollisionSettings()) is None


def test_person_is_no_lead_vehicle() -> None:
    assert find_lead(boxes(vehicle(10)), ["person"], SIZE, CollisionSettings()) is None


def test_boxes_without_area_or_with_nan_are_no_lead() -> None:
    bad = boxes((320, 300, 320, 300), (300, 380, 340, 200), (np.nan, 200, 340, np.nan))
    assert find_lead(bad, ["car"] * 3, SIZE, CollisionSettings()) is None


def test_rearm_below_the_threshold_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"rearm_ttc_s: expected at least .* got 1"):
        CollisionSettings(ttc_s=2.5, rearm_ttc_s=1.0)
