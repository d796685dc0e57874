"""Following distance: the time until ego is where the vehicle ahead is now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from edgecore.checked import Range
from edgecore.errors import ConfigError
from edgecore.rules.collision import CollisionSettings, find_lead
from edgecore.rules.hysteresis import Change, Hysteresis
from edgecore.rules.moment import AlertRequest, Event, Moment
from edgecore.state import Restorable, table, truth

FOLLOWING_DISTANCE = 2


@dataclass(frozen=True)
class FollowingSettings:
    """How close is too close.

    Attributes:
        headway_s: nearer than so much time behind the vehicle ahead is too close,
        clear_s: farther than so much is not any more.
        on_s: for so long,
        off_s: and for so long.
        min_speed_mps: slower than this, as in a queue, nothing is too close.
        camera_height_m: of the camera above the road.
        focal: focal length, as a part of the frame's width; 0.95 sees about 55 degrees.
        horizon: height of the horizon from the top, as a part of the frame's height.
        vehicles: class names that can be ahead.
    """

    headway_s: Annotated[float, Range(0.1, 10)] = 0.9
    clear_s: Annotated[float, Range(0.1, 20)] = 1.2
    on_s: Annotated[float, Range(0, 60)] = 1.0
    off_s: Annotated[float, Range(0, 60)] = 1.0
    min_speed_mps: Annotated[float, Range(0, 100)] = 8.0
    camera_height_m: Annotated[float, Range(0.2, 10)] = 1.3
    focal: Annotated[float, Range(0.1, 10)] = 0.95
    horizon: Annotated[float, Range(0, 0.95)] = 0.45
    vehicles: tuple[str, ...] = ("car", "truck", "bus", "motorcycle")

    def __post_init__(self) -> None:
        if self.clear_s < self.headway_s:
            raise ConfigError(
                f"clear_s: expected at least headway_s ({self.headway_s:g}), got {self.clear_s:g}"
            )


class FollowingRule(Restorable):
    """Events `too_close` and `clear`, with the headway in seconds and the distance in metres.

    The distance is where the lower edge of the box meets a level road. Without the vehicle's speed
    nothing is judged.

    Attributes:
        headway_s: of the newest frame; None without a vehicle ahead or a speed.
    """

    def __init__(
        self, settings: FollowingSettings | None = None, alert: AlertRequest | None = None
    ) -> None:
        self.settings = settings or FollowingSettings()
        self.headway_s: float | None = None
        self._lane = CollisionSettings(
            horizon=self.settings.horizon, vehicles=self.settings.vehicles
        )
        self.alert = alert
        self._close = Hysteresis(self.settings.on_s, self.settings.off_s)
        self._is_close = False

    def judge(self, moment: Moment) -> Iterator[Event]:
        """What begins or ends with this frame."""
        settings, found = self.settings, moment.detections
        lead = find_lead(found.xyxy, found.class_name, moment.size, self._lane)
        speed_mps = moment.speed_mps
        self.headway_s = None
        distance_m = None
        if lead is not None and speed_mps is not None and speed_mps >= settings.min_speed_mps:
            distance_m = self._distance_m(float(found.xyxy[lead, 3]), moment.size)
            self.headway_s = distance_m / speed_mps
        limit_s = settings.clear_s if self._is_close else settings.headway_s
        too_close = self.headway_s is not None and self.headway_s < limit_s
        change = self._close.update(moment.t_ns, too_close)
        if change is Change.BEGAN:
            assert lead is not None
            assert self.headway_s is not None
            assert distance_m is not None
            assert speed_mps is not None
            self._is_close = True
            yield moment.event(
                "too_close",
                [moment.tracker_id[lead]],
                self.alert,
                headway_s=round(self.headway_s, 3),
                distance_m=round(distance_m, 2),
                ego_speed_mps=round(speed_mps, 2),
            )
        elif change is Change.ENDED:
            self._is_close = False
            yield moment.event("clear", lasted_s=round(self._close.lasted_s, 3))

    def state(self) -> dict[str, Any]:
        """What it goes on from, as plain values."""
        return {"close": self._close.state_values(), "is_close": self._is_close}

    def restore(self, state: Any) -> None:
        """Go on from the `state` of a rule with the same settings; ValueError if it is none."""
        close, is_close = table(state, "close", "is_close")
        self._close.restore(close)
        self._is_close = truth(is_close)

    def _distance_m(self, bottom_px: float, size: tuple[int, int]) -> float:
        width, height = size
        below_px = max(bottom_px - self.settings.horizon * height, 1.0)
        return self.settings.focal * width * self.settings.camera_height_m / below_px
