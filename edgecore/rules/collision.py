"""The forward-collision rule: from boxes and ego speed to the moment an alert is due.

No calibration: the time to collision is read from how fast the lead vehicle's image grows. For a
body that closes in at constant speed, the logarithm of its size grows by 1 / TTC a second
(D. N. Lee, "A theory of visual control of braking", Perception 5, 1976).
"""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from edgecore.checked import Range
from edgecore.errors import ConfigError
from edgecore.rules.moment import AlertRequest, Event, Moment
from edgecore.state import Restorable, maybe, number, rows, table, truth, whole

FORWARD_COLLISION = 1
DEFAULT_ALERT = AlertRequest(FORWARD_COLLISION, level=2, duration_ms=1500)

# Sightings that a growth is measured from at least, and how many windows they may span.
FEWEST = 4
SLOWEST = 3


@dataclass(frozen=True)
class CollisionSettings:
    """Numbers of the rule.

    Attributes:
        ttc_s: an alert is due below this time to collision.
        frames: for so many frames in a row.
        rearm_ttc_s: after an alert the danger has passed above this time to collision,
        rearm_s: when it stayed there, or no lead vehicle was seen, for so long.
        window_s: the growth is measured over this much past, or four frames where they are slow.
        min_speed_mps: slower than this, ego's own motion is no danger; nothing is alerted.
        corridor_top: half width of the ego lane at the horizon, as a part of the frame's width.
        corridor_bottom: the same at the lower edge of the frame.
        horizon: height of the horizon from the top, as a part of the frame's height.
        centre: where the lane's middle is, as a part of the frame's width.
        min_height: smallest lead box, as a part of the frame's height.
        vehicles: class names that can be a lead vehicle.
    """

    ttc_s: Annotated[float, Range(0.1, 30)] = 2.5
    frames: Annotated[int, Range(1, 100)] = 3
    rearm_ttc_s: Annotated[float, Range(0.1, 60)] = 4.0
    rearm_s: Annotated[float, Range(0, 60)] = 1.0
    window_s: Annotated[float, Range(0.1, 5)] = 0.6
    min_speed_mps: Annotated[float, Range(0, 100)] = 2.0
    corridor_top: Annotated[float, Range(0, 1)] = 0.04
    corridor_bottom: Annotated[float, Range(0, 1)] = 0.32
    horizon: Annotated[float, Range(0, 0.95)] = 0.42
    centre: Annotated[float, Range(0, 1)] = 0.5
    min_height: Annotated[float, Range(0, 1)] = 0.03
    vehicles: tuple[str, ...] = ("car", "truck", "bus", "motorcycle")

    def __post_init__(self) -> None:
        if self.rearm_ttc_s < self.ttc_s:
            raise ConfigError(
                f"rearm_ttc_s: expected at least ttc_s ({self.ttc_s:g}), got {self.rearm_ttc_s:g}"
            )


class Danger(enum.Enum):
    """Where the rule stands."""

    CLEAR = "clear"
    CLOSING = "closing"
    ALERTED = "alerted"


@dataclass(frozen=True)
class Assessment:
    """The rule's view of one frame.

    Attributes:
        lead: index of the lead vehicle's box, None without one.
        ttc_s: time to collision with it in seconds; None when it is not closing or not known yet.
        danger: the rule's state after this frame.
        alert: this frame is the one on which an alert is due.
    """

    lead: int | None
    ttc_s: float | None
    danger: Danger
    alert: bool


@dataclass(frozen=True)
class _Sighting:
    """The lead vehicle's box at one moment; a clipped side says nothing about its size."""

    t_ns: int
    xyxy: tuple[float, float, float, float]
    width_clipped: bool
    height_clipped: bool

    @property
    def log_width(self) -> float:
        return math.log(self.xyxy[2] - self.xyxy[0])

    @property
    def log_height(self) -> float:
        return math.log(self.xyxy[3] - self.xyxy[1])


class CollisionRule(Restorable):
    """Event `alert` on the frame on which a forward collision is to be warned of.

    A state machine: CLEAR, CLOSING while frames under the threshold are counted, ALERTED. One alert
    an episode: ALERTED ends when the time to collision stays above `rearm_ttc_s`, or the lead
    vehicle is gone, for `rearm_s`. The lead vehicle is followed by its tracker id: without ids
    there is no time to collision.

    Attributes:
        view: of the newest frame.
    """

    def __init__(
        self,
        settings: CollisionSettings | None = None,
        alert: AlertRequest | None = DEFAULT_ALERT,
    ) -> None:
        self.settings = settings or CollisionSettings()
        self.danger = Danger.CLEAR
        self.view = Assessment(None, None, self.danger, False)
        self.alert = alert
        self._window_ns = round(self.settings.window_s * 1e9)
        self._rearm_ns = round(self.settings.rearm_s * 1e9)
        self._followed = -1
        self._track: deque[_Sighting] = deque()
        self._under = 0
        self._safe_since_ns: int | None = None

    def judge(self, moment: Moment) -> Iterator[Event]:
        """The alert, where it is due. An unknown speed gates nothing: better a warning too many
        than silence because a wire is loose.
        """
        view = self.view = self.assess(moment)
        if not view.alert:
            return
        assert view.lead is not None
        assert view.ttc_s is not None
        found, row = moment.detections, view.lead
        yield moment.event(
            "alert",
            [moment.tracker_id[row]],
            self.alert,
            ttc_s=round(view.ttc_s, 3),
            ego_speed_mps=None if moment.speed_mps is None else round(moment.speed_mps, 2),
            class_name=found.class_name[row],
            confidence=round(float(found.confidence[row]), 4),
            xyxy=[round(float(edge), 1) for edge in found.xyxy[row]],
        )

    def assess(self, moment: Moment) -> Assessment:
        """Take one frame, later than the one before it."""
        found = moment.detections
        lead = find_lead(found.xyxy, found.class_name, moment.size, self.settings)
        if lead is not None:
            self._follow(moment, lead)
        self._forget(moment.t_ns)
        ttc_s = self._time_to_collision() if lead is not None else None
        speed_mps = moment.speed_mps
        moving = speed_mps is None or speed_mps >= self.settings.min_speed_mps
        alert = self._advance(moment.t_ns, lead is not None, ttc_s if moving else None)
        return Assessment(lead, ttc_s, self.danger, alert)

    def state(self) -> dict[str, Any]:
        """What it goes on from, as plain values."""
        return {
            "danger": self.danger.value,
            "under": self._under,
            "safe_since_ns": self._safe_since_ns,
            "followed": self._followed,
            "track": [[s.t_ns, *s.xyxy, s.width_clipped, s.height_clipped] for s in self._track],
        }

    def restore(self, state: Any) -> None:
        """Go on from the `state` of a rule with the same settings; ValueError if it is none."""
        danger, under, since_ns, followed, track = table(
            state, "danger", "under", "safe_since_ns", "followed", "track"
        )
        sightings = deque(_sighting(row) for row in rows(track, 7))
        under, since_ns, followed = whole(under), maybe(whole, since_ns), whole(followed)
        self.danger, self._under, self._safe_since_ns = Danger(danger), under, since_ns
        self._followed, self._track = followed, sightings

    def _follow(self, moment: Moment, lead: int) -> None:
        tracker_id = moment.tracker_id[lead]
        if tracker_id < 0:  # too new, or too faint to be sure that it is the same
            return
        if tracker_id != self._followed:
            self._track.clear()
            self._followed = tracker_id
        x0, y0, x1, y1 = (float(edge) for edge in moment.detections.xyxy[lead])
        width, height = moment.size
        self._track.append(
            _Sighting(
                moment.t_ns,
                (x0, y0, x1, y1),
                width_clipped=x0 < 1.5 or x1 > width - 1.5,
                height_clipped=y0 < 1.5 or y1 > height - 1.5,
            )
        )

    def _forget(self, t_ns: int) -> None:
        """Drop what is older than the window; at low frame rates the newest four stay longer."""
        track, oldest_ns = self._track, t_ns - self._window_ns
        slowest_ns = t_ns - SLOWEST * self._window_ns
        while track and (
            track[0].t_ns < slowest_ns or (len(track) > FEWEST and track[0].t_ns < oldest_ns)
        ):
            track.popleft()

    def _time_to_collision(self) -> float | None:
        """By least squares over the window, or None when it is too short or nothing grows."""
        track = self._track
        if len(track) < FEWEST:
            return None
        if 2 * (track[-1].t_ns - track[0].t_ns) < self._window_ns:
            return None
        use_width = not any(sighting.width_clipped for sighting in track)
        use_height = not any(sighting.height_clipped for sighting in track)
        if not (use_width or use_height):
            return None
        sizes = [
            (use_width * s.log_width + use_height * s.log_height) / (use_width + use_height)
            for s in track
        ]
        times = np.array([(s.t_ns - track[-1].t_ns) / 1e9 for s in track])
        centred = times - times.mean()
        growth = float(centred @ np.array(sizes) / (centred @ centred))
        if growth <= 0.01:
            return None
        # The slope belongs to the middle of the window; since then that much time has passed.
        return max(0.0, 1.0 / growth + float(times.mean()))

    def _advance(self, t_ns: int, seen: bool, ttc_s: float | None) -> bool:
        settings = self.settings
        under = ttc_s is not None and ttc_s < settings.ttc_s
        if self.danger is Danger.ALERTED:
            if ttc_s is not None and ttc_s <= settings.rearm_ttc_s and seen:
                self._safe_since_ns = None
            elif self._safe_since_ns is None:
                self._safe_since_ns = t_ns
            since_ns = self._safe_since_ns
            if since_ns is not None and t_ns - since_ns >= self._rearm_ns:
                self.danger, self._under, self._safe_since_ns = Danger.CLEAR, 0, None
            return False
        self._under = self._under + 1 if under else 0
        if self._under >= settings.frames:
            self.danger, self._safe_since_ns = Danger.ALERTED, None
            return True
        self.danger = Danger.CLOSING if under else Danger.CLEAR
        return False


def _sighting(row: list[Any]) -> _Sighting:
    """A row of the rule's state."""
    t_ns, (x0, y0, x1, y1) = whole(row[0]), (number(one) for one in row[1:5])
    if not (x1 > x0 and y1 > y0):
        raise ValueError(f"state: expected a box with an inside, got {row[1:5]}")
    return _Sighting(t_ns, (x0, y0, x1, y1), truth(row[5]), truth(row[6]))


def find_lead(
    xyxy: NDArray[np.float32],
    class_name: list[str],
    frame_size: tuple[int, int],
    settings: CollisionSettings,
) -> int | None:
    """Index of the nearest vehicle ahead in the ego lane: the one whose lower edge lies lowest.

    Args:
        xyxy: float32 (n, 4) boxes in pixels.
        class_name: their n classes.
        frame_size: width and height in pixels.
        settings: the lane's corridor and the classes that count.
    """
    width, height = frame_size
    best: tuple[float, float] | None = None
    chosen: int | None = None
    for index, name in enumerate(class_name):
        if name not in settings.vehicles:
            continue
        x0, y0, x1, y1 = (float(edge) for edge in xyxy[index])
        if not (x1 - x0 >= 2 and y1 - y0 >= max(2.0, settings.min_height * height)):
            continue
        depth = (y1 / height - settings.horizon) / (1 - settings.horizon)
        if depth < 0:
            continue
        half = settings.corridor_top + depth * (settings.corridor_bottom - settings.corridor_top)
        if abs((x0 + x1) / 2 / width - settings.centre) > half:
            continue
        key = (y1, (x1 - x0) * (y1 - y0))
        if best is None or key > best:
            best, chosen = key, index
    return chosen
