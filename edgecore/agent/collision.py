"""The forward-collision rule: from boxes and ego speed to the moment an alert is due.

No calibration: the time to collision is read from how fast the lead vehicle's image grows. For a
body that closes in at constant speed, the logarithm of its size grows by 1 / TTC a second
(D. N. Lee, "A theory of visual control of braking", Perception 5, 1976).
"""

from __future__ import annotations

import enum
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from edgecore.errors import ConfigError

from .checked import Range

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Sightings that a growth is measured from at least, and how many windows they may span.
FEWEST = 4
SLOWEST = 3.0


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
                f"collision.rearm_ttc_s: expected at least collision.ttc_s ({self.ttc_s:g}), "
                f"got {self.rearm_ttc_s:g}"
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

    t_s: float
    xyxy: tuple[float, float, float, float]
    width_clipped: bool
    height_clipped: bool

    @property
    def log_width(self) -> float:
        return math.log(self.xyxy[2] - self.xyxy[0])

    @property
    def log_height(self) -> float:
        return math.log(self.xyxy[3] - self.xyxy[1])


class CollisionRule:
    """A state machine: CLEAR, CLOSING while frames under the threshold are counted, ALERTED.

    One alert an episode: ALERTED ends when the time to collision stays above `rearm_ttc_s`, or the
    lead vehicle is gone, for `rearm_s`.
    """

    def __init__(self, settings: CollisionSettings | None = None) -> None:
        self.settings = settings or CollisionSettings()
        self.danger = Danger.CLEAR
        self._track: deque[_Sighting] = deque()
        self._under = 0
        self._safe_since_s: float | None = None

    def update(
        self,
        t_ns: int,
        xyxy: NDArray[np.float32],
        class_name: list[str],
        frame_size: tuple[int, int],
        ego_speed_mps: float | None,
    ) -> Assessment:
        """Take one frame's detections.

        Args:
            t_ns: capture time; later than the frame before it.
            xyxy: float32 (n, 4) boxes in pixels.
            class_name: their n classes.
            frame_size: width and height in pixels.
            ego_speed_mps: from telemetry; None when it is not known, which gates nothing: better a
                warning too many than silence because a wire is loose.
        """
        t_s = t_ns / 1e9
        lead = find_lead(xyxy, class_name, frame_size, self.settings)
        if lead is not None:
            self._follow(t_s, tuple(float(edge) for edge in xyxy[lead]), frame_size)
        self._forget(t_s)
        ttc_s = self._time_to_collision() if lead is not None else None
        moving = ego_speed_mps is None or ego_speed_mps >= self.settings.min_speed_mps
        alert = self._advance(t_s, lead is not None, ttc_s if moving else None)
        return Assessment(lead, ttc_s, self.danger, alert)

    def _follow(self, t_s: float, box: tuple[float, ...], frame_size: tuple[int, int]) -> None:
        x0, y0, x1, y1 = box
        if self._track and overlap(self._track[-1].xyxy, (x0, y0, x1, y1)) < 0.3:
            self._track.clear()
        width, height = frame_size
        self._track.append(
            _Sighting(
                t_s,
                (x0, y0, x1, y1),
                width_clipped=x0 < 1.5 or x1 > width - 1.5,
                height_clipped=y0 < 1.5 or y1 > height - 1.5,
            )
        )

    def _forget(self, t_s: float) -> None:
        """Drop what is older than the window; at low frame rates the newest four stay longer."""
        track, window_s = self._track, self.settings.window_s
        while track and (
            track[0].t_s < t_s - SLOWEST * window_s
            or (len(track) > FEWEST and track[0].t_s < t_s - window_s)
        ):
            track.popleft()

    def _time_to_collision(self) -> float | None:
        """By least squares over the window, or None when it is too short or nothing grows."""
        track = self._track
        span = track[-1].t_s - track[0].t_s
        if len(track) < FEWEST or span < 0.5 * self.settings.window_s:
            return None
        use_width = not any(sighting.width_clipped for sighting in track)
        use_height = not any(sighting.height_clipped for sighting in track)
        if not (use_width or use_height):
            return None
        sizes = [
            (use_width * s.log_width + use_height * s.log_height) / (use_width + use_height)
            for s in track
        ]
        times = np.array([s.t_s for s in track]) - track[-1].t_s
        centred = times - times.mean()
        growth = float(centred @ np.array(sizes) / (centred @ centred))
        if growth <= 0.01:
            return None
        # The slope belongs to the middle of the window; since then that much time has passed.
        return max(0.0, 1.0 / growth + float(times.mean()))

    def _advance(self, t_s: float, seen: bool, ttc_s: float | None) -> bool:
        settings = self.settings
        under = ttc_s is not None and ttc_s < settings.ttc_s
        if self.danger is Danger.ALERTED:
            if ttc_s is not None and ttc_s <= settings.rearm_ttc_s and seen:
                self._safe_since_s = None
            elif self._safe_since_s is None:
                self._safe_since_s = t_s
            if self._safe_since_s is not None and t_s - self._safe_since_s >= settings.rearm_s:
                self.danger, self._under, self._safe_since_s = Danger.CLEAR, 0, None
            return False
        self._under = self._under + 1 if under else 0
        if self._under >= settings.frames:
            self.danger, self._safe_since_s = Danger.ALERTED, None
            return True
        self.danger = Danger.CLOSING if under else Danger.CLEAR
        return False


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


def overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    whole = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return common / (whole - common)
