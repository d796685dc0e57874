"""What rules get, and what they give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from edgecore.checked import Range
from edgecore.detections import Detections


@dataclass(frozen=True)
class AlertRequest:
    """What the firmware is asked for, its message Alert.

    Attributes:
        kind: 1 to 255, what of; docs/rules.md lists those of our rules.
        level: 0 to 3, the most urgent.
        duration_ms: how long to warn.
    """

    kind: Annotated[int, Range(1, 255)]
    level: Annotated[int, Range(0, 3)] = 1
    duration_ms: Annotated[int, Range(1, 60000)] = 1000


@dataclass(frozen=True)
class Event:
    """Something that a rule says of one frame.

    Attributes:
        kind: a word, such as `entered`.
        frame: number of the frame.
        t_ns: when it happened, CLOCK_MONOTONIC nanoseconds: the frame's capture time, or a
            telemetry record's.
        tracker_ids: the objects it is about.
        facts: numbers and texts by name, as JSON can hold them.
        alert: what the firmware is to be asked for; None: nothing.
        rule: name of the rule, filled in by its RuleSet.
    """

    kind: str
    frame: int
    t_ns: int
    tracker_ids: tuple[int, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    alert: AlertRequest | None = None
    rule: str = ""


@dataclass(frozen=True)
class Moment:
    """One frame, and the telemetry that came since the one before.

    Attributes:
        frame: its number.
        t_ns: its capture time, CLOCK_MONOTONIC nanoseconds.
        detections: with tracker ids.
        size: width and height in pixels.
        speed_mps: the vehicle's own speed at that time; None where it is not known.
        records: by message, those that came since the frame before: structured arrays with `t_ns`.
    """

    frame: int
    t_ns: int
    detections: Detections
    size: tuple[int, int]
    speed_mps: float | None = None
    records: Mapping[str, NDArray[np.void]] = field(default_factory=dict)

    @property
    def t_s(self) -> float:
        """The capture time in seconds."""
        return self.t_ns / 1e9

    @property
    def tracker_id(self) -> list[int]:
        """One for each detection; -1 where it has none."""
        ids = self.detections.tracker_id
        return [-1] * len(self.detections) if ids is None else ids.tolist()

    def event(
        self,
        kind: str,
        tracker_ids: Iterable[int] = (),
        alert: AlertRequest | None = None,
        **facts: Any,
    ) -> Event:
        """An event of this frame."""
        return Event(kind, self.frame, self.t_ns, tuple(tracker_ids), facts, alert)

    def points(self, anchor: str) -> list[tuple[float, float]]:
        """Where each detection stands: x and y as parts of the frame's sides.

        Args:
            anchor: `bottom` is the middle of the lower edge, where things touch the ground;
                `centre` the middle of the box.
        """
        width, height = self.size
        return [
            ((x0 + x1) / 2 / width, (y1 if anchor == "bottom" else (y0 + y1) / 2) / height)
            for x0, y0, x1, y1 in self.detections.xyxy.tolist()
        ]

    def wanted(self, classes: tuple[str, ...]) -> list[int]:
        """Rows of the detections with an id and one of these classes; no classes: any."""
        names = self.detections.class_name
        return [
            row
            for row, tracker_id in enumerate(self.tracker_id)
            if tracker_id > 0 and (not classes or names[row] in classes)
        ]
