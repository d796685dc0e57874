"""Who is in a zone of the picture, and who stays there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from edgecore.checked import OneOf, Range
from edgecore.errors import ConfigError
from edgecore.rules.hysteresis import Change, Hysteresis, State
from edgecore.rules.moment import AlertRequest, Event, Moment
from edgecore.state import Restorable, rows, table, whole

ZONE, DWELL = 4, 5

Point = tuple[float, float]
Polygon = Annotated[tuple[Point, ...], Range(0, 1)]
Anchor = Annotated[str, OneOf(("bottom", "centre"))]


@dataclass(frozen=True)
class ZoneSettings:
    """A zone to be entered and left.

    Attributes:
        polygon: corners [x, y], parts of the frame's sides; at least three.
        classes: names that count; none: all.
        anchor: what of a box must lie inside: `bottom`, the middle of its lower edge, or `centre`.
        enter_s: inside for so long is entered,
        leave_s: outside or out of sight for so long is left.
    """

    polygon: Polygon
    classes: tuple[str, ...] = ()
    anchor: Anchor = "bottom"
    enter_s: Annotated[float, Range(0, 3600)] = 0.2
    leave_s: Annotated[float, Range(0, 3600)] = 1.0

    def __post_init__(self) -> None:
        check_polygon(self.polygon)


@dataclass(frozen=True)
class DwellSettings:
    """A zone in which nobody should stay.

    Attributes:
        polygon, classes, anchor, leave_s: as of a zone.
        dwell_s: so long is too long.
    """

    polygon: Polygon
    dwell_s: Annotated[float, Range(0, 86400)]
    classes: tuple[str, ...] = ()
    anchor: Anchor = "bottom"
    leave_s: Annotated[float, Range(0, 3600)] = 1.0

    def __post_init__(self) -> None:
        check_polygon(self.polygon)


class ZoneRule(Restorable):
    """Events `entered` and `left`, or `dwelling` and `left` of a DwellSettings, for each object.

    Facts: `inside`, how many are in the zone then; of `left` also `stayed_s`, from the first
    sighting inside to the last. An object is known by its tracker id; without one it is not judged.
    An alert is asked for with `entered` or `dwelling`.
    """

    def __init__(
        self, settings: ZoneSettings | DwellSettings, alert: AlertRequest | None = None
    ) -> None:
        self.settings = settings
        self.alert = alert
        dwells = isinstance(settings, DwellSettings)
        self._began = "dwelling" if dwells else "entered"
        self._enter_s = (
            settings.dwell_s if isinstance(settings, DwellSettings) else (settings.enter_s)
        )
        self._stays: dict[int, Hysteresis] = {}

    @property
    def inside(self) -> int:
        """How many have entered and not left."""
        return sum(stay.state in (State.ON, State.FALLING) for stay in self._stays.values())

    def judge(self, moment: Moment) -> Iterator[Event]:
        """The objects that came in or went out."""
        points, ids = moment.points(self.settings.anchor), moment.tracker_id
        inside = {
            ids[row]
            for row in moment.wanted(self.settings.classes)
            if contains(self.settings.polygon, points[row])
        }
        for tracker_id in inside - self._stays.keys():
            self._stays[tracker_id] = Hysteresis(self._enter_s, self.settings.leave_s)
        for tracker_id, stay in sorted(self._stays.items()):
            change = stay.update(moment.t_ns, tracker_id in inside)
            if change is Change.BEGAN:
                yield moment.event(self._began, [tracker_id], self.alert, inside=self.inside)
            elif change is Change.ENDED:
                stayed_s = round(stay.lasted_s, 3)
                yield moment.event("left", [tracker_id], inside=self.inside, stayed_s=stayed_s)
            if stay.state is State.OFF:
                del self._stays[tracker_id]

    def state(self) -> dict[str, Any]:
        """What it goes on from, as plain values."""
        return {"stays": [[who, stay.state_values()] for who, stay in self._stays.items()]}

    def restore(self, state: Any) -> None:
        """Go on from the `state` of a rule with the same settings; ValueError if it is none."""
        (stays,) = table(state, "stays")
        restored = {}
        for who, stay in rows(stays, 2):
            restored[whole(who)] = Hysteresis(self._enter_s, self.settings.leave_s)
            restored[who].restore(stay)
        self._stays = restored


def check_polygon(polygon: tuple[Point, ...]) -> None:
    """Raises ConfigError where there are too few corners, or no area."""
    if len(polygon) < 3:
        raise ConfigError(f"polygon: expected at least 3 corners, got {len(polygon)}")
    pairs = zip(polygon, (*polygon[1:], polygon[0]), strict=True)
    if abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) < 1e-9:
        raise ConfigError(f"polygon: expected corners around an area, got {list(polygon)}")


def contains(polygon: tuple[Point, ...], point: Point) -> bool:
    """Whether a ray from the point to the right meets the border an odd number of times."""
    x, y = point
    inside = False
    for (x0, y0), (x1, y1) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            inside = not inside
    return inside
