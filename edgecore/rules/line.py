"""Who crosses a line in the picture, and which way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from edgecore.checked import OneOf, Range
from edgecore.errors import ConfigError
from edgecore.rules.moment import AlertRequest, Event, Moment
from edgecore.rules.zone import Anchor, Point
from edgecore.state import Restorable, number, rows, table, whole

LINE = 6


@dataclass(frozen=True)
class LineSettings:
    """A line to be crossed.

    Attributes:
        start, end: [x, y], parts of the frame's sides. Looking from start to end, crossing from
            the left hand to the right hand is `in`, the other way `out`.
        direction: `both`, or the one that is counted.
        classes: names that count; none: all.
        anchor: what of a box crosses: `bottom`, the middle of its lower edge, or `centre`.
        margin: an object is across when it is so far from the line, in parts of the frame's
            height: one that hesitates on the line does not cross it again and again.
        forget_s: an object out of sight for so long begins anew.
    """

    start: Annotated[Point, Range(0, 1)]
    end: Annotated[Point, Range(0, 1)]
    direction: Annotated[str, OneOf(("both", "in", "out"))] = "both"
    classes: tuple[str, ...] = ()
    anchor: Anchor = "bottom"
    margin: Annotated[float, Range(0, 0.5)] = 0.01
    forget_s: Annotated[float, Range(0, 3600)] = 2.0

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ConfigError(f"end: expected another point than start, got {list(self.end)}")


class _Stand(NamedTuple):
    """Where an object was last clearly on one side of the line."""

    side: int
    point: Point
    t_ns: int


class LineRule(Restorable):
    """Event `crossed` for each object that goes from one side of the line, between its ends, to
    the other.

    Facts: `direction`, and how many crossed so far: `count_in`, `count_out`. An object is known by
    its tracker id; without one it is not judged.
    """

    def __init__(self, settings: LineSettings, alert: AlertRequest | None = None) -> None:
        self.settings = settings
        self.count_in = self.count_out = 0
        self.alert = alert
        self._stands: dict[int, _Stand] = {}

    def judge(self, moment: Moment) -> Iterator[Event]:
        """The objects that crossed."""
        width, height = moment.size
        ratio = width / height  # distances are in parts of the height
        start, end = ((x * ratio, y) for x, y in (self.settings.start, self.settings.end))
        points, ids = moment.points(self.settings.anchor), moment.tracker_id
        for row in moment.wanted(self.settings.classes):
            point = (points[row][0] * ratio, points[row][1])
            distance = offset(start, end, point)
            before = self._stands.get(ids[row])
            if abs(distance) < self.settings.margin or distance == 0.0:
                if before is not None:
                    self._stands[ids[row]] = before._replace(t_ns=moment.t_ns)
                continue
            stand = _Stand(1 if distance > 0 else -1, point, moment.t_ns)
            self._stands[ids[row]] = stand
            if before is not None and before.side != stand.side:
                yield from self._crossed(moment, ids[row], before, stand, start, end)
        oldest_ns = moment.t_ns - round(self.settings.forget_s * 1e9)
        self._stands = {who: one for who, one in self._stands.items() if one.t_ns >= oldest_ns}

    def state(self) -> dict[str, Any]:
        """What it goes on from, as plain values."""
        stands = [[who, one.side, *one.point, one.t_ns] for who, one in self._stands.items()]
        return {"in": self.count_in, "out": self.count_out, "stands": stands}

    def restore(self, state: Any) -> None:
        """Go on from the `state` of a rule with the same settings; ValueError if it is none."""
        count_in, count_out, stands = table(state, "in", "out", "stands")
        restored = {
            whole(who): _Stand(whole(side), (number(x), number(y)), whole(t_ns))
            for who, side, x, y, t_ns in rows(stands, 5)
        }
        self.count_in, self.count_out, self._stands = whole(count_in), whole(count_out), restored

    def _crossed(
        self,
        moment: Moment,
        tracker_id: int,
        before: _Stand,
        after: _Stand,
        start: Point,
        end: Point,
    ) -> Iterator[Event]:
        """Where the way from one stand to the other meets the line between its ends."""
        if offset(before.point, after.point, start) * offset(before.point, after.point, end) > 0:
            return
        direction = "in" if after.side > 0 else "out"
        if self.settings.direction not in ("both", direction):
            return
        self.count_in += direction == "in"
        self.count_out += direction == "out"
        yield moment.event(
            "crossed",
            [tracker_id],
            self.alert,
            direction=direction,
            count_in=self.count_in,
            count_out=self.count_out,
        )


def offset(start: Point, end: Point, point: Point) -> float:
    """Distance of a point from the line through two others; above 0 on the right hand.

    Zero where the two are one.
    """
    x, y = end[0] - start[0], end[1] - start[1]
    length = (x * x + y * y) ** 0.5
    cross = x * (point[1] - start[1]) - y * (point[0] - start[0])
    return cross / length if length else 0.0
