"""What was recorded of each frame against what came of it again, strictly or with allowances."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from firmware_bridge.divergence import CONTEXT, Divergence, differences

Mode = Literal["strict", "lax"]
LATE_NS = 200_000_000
"""An event may be so much earlier or later."""
UNSURE = 0.05
"""A confidence may be off by so much, and what is no surer than that above the threshold absent."""
LEAST_OVERLAP = 0.8
"""Of a box with the one it was, intersection over union."""


@dataclass(frozen=True)
class Judged:
    """A frame and what came of it.

    Attributes:
        frame: its number in the run.
        t_ns: its capture time.
        outcome: plain values: `view` of each collision rule and `events`; where the detector ran
            again also `pixels`, the sums, and `detections`.
    """

    frame: int
    t_ns: int
    outcome: dict[str, Any]


@dataclass(frozen=True)
class _Pending:
    """An event that the other side has not come to yet."""

    event: dict[str, Any]
    pair: tuple[Judged, Judged]


@dataclass
class Comparison:
    """Pairs in their order, recorded and replayed, until two differ.

    Strict: all values to the last bit. Lax: detections of the same class, place and about the same
    confidence, and the same kinds of events of the same rules at about the same times.

    Args:
        mode: strict or lax.
        threshold: the detector's score threshold.

    Raises:
        ValueError: another mode.
    """

    mode: Mode
    threshold: float = 0.0
    _before: deque[tuple[Judged, Judged]] = field(default_factory=lambda: deque(maxlen=64))
    _pending: tuple[deque[_Pending], deque[_Pending]] = field(
        default_factory=lambda: (deque(), deque())
    )

    def __post_init__(self) -> None:
        if self.mode not in ("strict", "lax"):
            raise ValueError(f"expected mode strict or lax, got {self.mode!r}")

    def gap(self, expected: int, recorded: Judged) -> Divergence[Judged]:
        """The recording goes on with another frame than it should."""
        fields = {"frame": (recorded.frame, expected)}
        return Divergence(expected, recorded, None, self._context(expected), fields)

    def absent(self, recorded: Judged) -> Divergence[Judged]:
        """The source no longer has a frame."""
        number = recorded.frame
        return Divergence(number, recorded, None, self._context(number), {"frame": (number, None)})

    def add(self, recorded: Judged, replayed: Judged) -> Divergence[Judged] | None:
        """One more frame; where it, or an event of one before, has no counterpart."""
        if self.mode == "strict":
            fields = differences(recorded.outcome, replayed.outcome)
        else:
            fields = self._detections(recorded.outcome, replayed.outcome)
        pair = (recorded, replayed)
        if fields:
            return self._at(pair, fields)
        late = self._events(pair) if self.mode == "lax" else None
        self._before.append(pair)
        return late

    def end(self) -> Divergence[Judged] | None:
        """No frame comes any more: an event that still waits for its counterpart has none."""
        return self._overdue(lambda _: True)

    def _at(
        self, pair: tuple[Judged, Judged], fields: dict[str, tuple[Any, Any]]
    ) -> Divergence[Judged]:
        number = pair[0].frame
        return Divergence(number, *pair, self._context(number), fields)

    def _context(self, number: int) -> tuple[tuple[Judged, Judged], ...]:
        return tuple(pair for pair in self._before if pair[0].frame < number)[-CONTEXT:]

    def _events(self, pair: tuple[Judged, Judged]) -> Divergence[Judged] | None:
        now_ns = pair[0].t_ns
        late = self._overdue(lambda pending: now_ns - pending.pair[0].t_ns > LATE_NS)
        if late is not None:  # frames may be further apart than events
            return late
        for side, judged in enumerate(pair):
            for event in judged.outcome["events"]:
                other = self._pending[1 - side]
                partner = next((one for one in other if _kind(one.event) == _kind(event)), None)
                if partner is None:
                    self._pending[side].append(_Pending(event, pair))
                else:
                    other.remove(partner)
        return None

    def _overdue(self, is_overdue: Callable[[_Pending], bool]) -> Divergence[Judged] | None:
        found = [
            (pending.pair[0].frame, side, pending)
            for side, waiting in enumerate(self._pending)
            for pending in waiting
            if is_overdue(pending)
        ]
        if not found:
            return None
        _, side, pending = min(found, key=lambda one: one[:2])
        name = f"events: {pending.event.get('rule')}"
        both = (pending.event.get("kind"), None)
        return self._at(pending.pair, {name: both if side == 0 else both[::-1]})

    def _detections(
        self, recorded: dict[str, Any], replayed: dict[str, Any]
    ) -> dict[str, tuple[Any, Any]]:
        ours, theirs = recorded.get("detections", []), list(replayed.get("detections", []))
        fields: dict[str, tuple[Any, Any]] = {}
        for number, one in enumerate(ours):
            partner = max(
                (other for other in theirs if other["class_name"] == one["class_name"]),
                key=lambda other: overlap(one["xyxy"], other["xyxy"]),
                default=None,
            )
            place = f"detections[{number}]"
            if partner is None or overlap(one["xyxy"], partner["xyxy"]) < LEAST_OVERLAP:
                if self._is_sure(one):
                    fields[place] = (_brief(one), None)
                continue
            theirs.remove(partner)
            confidences = (one["confidence"], partner["confidence"])
            is_sure = self._is_sure(one) or self._is_sure(partner)
            if is_sure and abs(confidences[0] - confidences[1]) > UNSURE:
                fields[f"{place}.confidence"] = confidences
        if not fields:
            fields = {
                f"detections: new {number}": (None, _brief(other))
                for number, other in enumerate(theirs)
                if self._is_sure(other)
            }
        return fields

    def _is_sure(self, detection: dict[str, Any]) -> bool:
        return bool(detection["confidence"] > self.threshold + UNSURE)


def overlap(one: list[float], other: list[float]) -> float:
    """Intersection over union of two boxes; those without area overlap nothing."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if not (width > 0 and height > 0):
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (areas[0] + areas[1] - width * height)


def _brief(detection: dict[str, Any]) -> str:
    box = ", ".join(f"{side:.1f}" for side in detection["xyxy"])
    return f"{detection['class_name']} {detection['confidence']:.2f} at {box}"


def _kind(event: dict[str, Any]) -> tuple[Any, Any]:
    return event.get("rule"), event.get("kind")
