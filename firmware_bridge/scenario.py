"""The one road scenario that the simulated vehicle and the synthetic road share."""

from typing import NamedTuple

from firmware_bridge._sim import SCENARIO_PERIOD_US, scenario_at

PERIOD_S = SCENARIO_PERIOD_US / 1e6

_LAST_S = 2**63 / 1e6


class Scene(NamedTuple):
    """Where the ego car and the lead car are at one instant; SI units."""

    ego_speed_mps: float
    ego_acceleration_mps2: float
    ego_yaw_rate_rps: float
    """Left positive."""
    ego_distance_m: float
    """Travelled since time zero, continuous over all periods."""
    lead_gap_m: float
    """From the camera to the lead car's bumper; always positive."""
    lead_speed_mps: float
    lead_acceleration_mps2: float
    lead_braking: bool
    """Its brake lights are on."""

    @property
    def time_to_collision_s(self) -> float:
        """Seconds until the gap is gone at the present speeds; infinite while it opens."""
        closing_mps = self.ego_speed_mps - self.lead_speed_mps
        return self.lead_gap_m / closing_mps if closing_mps > 0 else float("inf")


def at(t_s: float) -> Scene:
    """The scene at a time, read to the microsecond; it repeats every PERIOD_S.

    Args:
        t_s: seconds since time zero, not negative.

    Raises:
        ValueError: t_s is negative, not finite or beyond 2**63 microseconds.
    """
    if not 0 <= t_s < _LAST_S:
        raise ValueError(f"t_s must lie in [0, {_LAST_S:g}) seconds, got {t_s!r}")
    return Scene(*scenario_at(round(t_s * 1e6)))
