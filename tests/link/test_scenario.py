"""The scenario is one smooth, repeating drive whose brake earns an alert."""

import math

import numpy as np
import pytest

from firmware_bridge import scenario

STEP_S = 0.01


def drive(periods: float = 2.0) -> list[scenario.Scene]:
    return [scenario.at(i * STEP_S) for i in range(round(periods * scenario.PERIOD_S / STEP_S))]


def column(scenes: list[scenario.Scene], name: str) -> np.ndarray:
    return np.array([getattr(scene, name) for scene in scenes], dtype=np.float64)


@pytest.mark.parametrize(
    ("name", "fastest_per_s"),
    [
        ("ego_speed_mps", 6.0),
        ("lead_speed_mps", 8.0),
        ("lead_gap_m", 16.0),
        ("ego_acceleration_mps2", 21.0),
        ("lead_acceleration_mps2", 31.0),
        ("ego_yaw_rate_rps", 0.02),
        ("ego_distance_m", 20.1),
    ],
)
def test_scene_is_continuous_over_the_seam(name: str, fastest_per_s: float) -> None:
    steps = np.abs(np.diff(column(drive(), name)))
    assert steps.max() <= fastest_per_s * STEP_S


def test_scene_repeats_after_a_period() -> None:
    first, again = scenario.at(7.5), scenario.at(7.5 + 1000 * scenario.PERIOD_S)
    assert first._replace(ego_distance_m=0) == again._replace(ego_distance_m=0)


def test_distance_grows_alike_in_every_period() -> None:
    lap = scenario.at(scenario.PERIOD_S).ego_distance_m
    assert scenario.at(1000 * scenario.PERIOD_S + 3).ego_distance_m == pytest.approx(
        1000 * lap + scenario.at(3).ego_distance_m, abs=1e-6
    )


@pytest.mark.parametrize("who", ["ego", "lead"])
def test_acceleration_is_the_derivative_of_speed(who: str) -> None:
    scenes = drive()
    slope = np.gradient(column(scenes, f"{who}_speed_mps"), STEP_S)
    assert np.abs(slope - column(scenes, f"{who}_acceleration_mps2"))[1:-1].max() < 0.1


def test_gap_is_the_integral_of_the_speeds() -> None:
    scenes = drive()
    closing = column(scenes, "lead_speed_mps") - column(scenes, "ego_speed_mps")
    slope = np.gradient(column(scenes, "lead_gap_m"), STEP_S)
    assert np.abs(slope - closing)[1:-1].max() < 0.02


def test_distance_is_the_integral_of_the_ego_speed() -> None:
    scenes = drive()
    slope = np.gradient(column(scenes, "ego_distance_m"), STEP_S)
    assert np.abs(slope - column(scenes, "ego_speed_mps"))[1:-1].max() < 0.02


def test_time_to_collision_falls_below_2_5_s_in_the_brake_for_more_than_a_second() -> None:
    short = sum(scene.time_to_collision_s < 2.5 for scene in drive(1.0)) * STEP_S
    assert 1.0 < short < 3.0


def test_time_to_collision_stays_above_5_s_in_cruise() -> None:
    cruise = [scenario.at(t) for t in np.arange(0.0, 6.0, STEP_S)]
    assert min(scene.time_to_collision_s for scene in cruise) > 5.0
    late = [scenario.at(t) for t in np.arange(12.0, 20.0, STEP_S)]
    assert min(scene.time_to_collision_s for scene in late) > 5.0


def test_closest_gap_is_8_to_10_m() -> None:
    assert 8.0 <= column(drive(1.0), "lead_gap_m").min() <= 10.0


def test_ego_reacts_after_the_lead_brakes() -> None:
    scenes = drive(1.0)
    lead = next(i for i, scene in enumerate(scenes) if scene.lead_braking)
    ego = next(i for i, scene in enumerate(scenes) if scene.ego_acceleration_mps2 < -0.5)
    assert 1.0 <= (ego - lead) * STEP_S <= 1.5


@pytest.mark.parametrize("t_s", [-0.001, math.nan, math.inf, 1e300])
def test_time_outside_the_scenario_is_refused(t_s: float) -> None:
    with pytest.raises(ValueError, match="t_s must lie in"):
        scenario.at(t_s)
