"""A flight's rules and tracker, as its head describes them, asked again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from edgecore.errors import ConfigError, FlightError
from edgecore.rules import RuleSet, read_rules
from edgecore.tracking import Tracker

from .comparison import Judged
from .lines import detections, outcome, read_moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edgecore.detections import Detections

Line = dict[str, Any]


class Seen(NamedTuple):
    """A frame of a flight that was looked at again.

    Attributes:
        number: of its line in the log.
        line: its record.
        found, pixels: what the detector found, and the sums; None: there is no such frame.
    """

    number: int
    line: Line
    found: Detections | None
    pixels: list[int] | None


class Judging:
    """Goes on from the first recorded state, frame by frame.

    Args:
        header: of the flight.
        path: for what is wrong with it.
        tracked: whether objects are followed again too.

    Attributes:
        functions: names of rules that are not asked: a flight has no code in it.

    Raises:
        FlightError: rules or tracker make no sense.
    """

    def __init__(self, header: Line, path: Path, *, tracked: bool) -> None:
        self._rules, self.functions = _rules(header, path)
        self._tracker = _tracker(header, path) if tracked else None

    def begin(self, line: Line) -> None:
        """Go on from a line of states.

        Raises:
            ValueError: it has none.
        """
        self._rules.restore(line.get("state"))
        if self._tracker is not None:
            self._tracker.restore(line.get("tracker"))

    def recorded(self, line: Line) -> Judged:
        """What came of a frame.

        Raises:
            FlightError: a field is missing or does not fit.
        """
        moment = read_moment(line)
        view, events = line.get("view"), line.get("events")
        if not isinstance(view, dict):
            raise FlightError(f"view: expected a table, got {view!r:.80}")
        if not isinstance(events, list) or not all(isinstance(one, dict) for one in events):
            raise FlightError(f"events: expected a list of tables, got {events!r:.80}")
        asked = [one for one in events if one.get("rule") not in self.functions]
        known: dict[str, Any] = {"view": view, "events": asked}
        if self._tracker is not None:
            known = {"pixels": _sums(line), "detections": detections(moment.detections), **known}
        return Judged(moment.frame, moment.t_ns, known)

    def again(
        self, line: Line, found: Detections | None = None, pixels: list[int] | None = None
    ) -> Judged:
        """What comes of it now.

        Args:
            line: its record, with the telemetry and the times of then.
            found: by the detector; None: what it had found.
            pixels: their sums; None: the recorded ones.
        """
        moment = read_moment(line)
        known: dict[str, Any] = {}
        if self._tracker is not None:
            found = moment.detections if found is None else found
            found = self._tracker.update(found, max(moment.t_ns, 0))
            moment = replace(moment, detections=found)
            known = {"pixels": pixels or _sums(line), "detections": detections(found)}
        known |= outcome(self._rules, self._rules.judge(moment))
        return Judged(moment.frame, moment.t_ns, json.loads(json.dumps(known)))


def _rules(header: Mapping[str, Any], path: Path) -> tuple[RuleSet, tuple[str, ...]]:
    """The rules of a flight without its functions, and their names: no code comes from a file."""
    tables = header.get("rules")
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise FlightError(f"{path}: rules: expected a list of tables, got {tables!r:.80}")
    plain = [one for one in tables if one.get("type") != "function"]
    functions = tuple(str(one.get("name")) for one in tables if one.get("type") == "function")
    try:
        return read_rules({"rule": plain}), functions
    except ConfigError as error:  # it may quote what would be codes to a terminal
        raise FlightError(f"{path}: {str(error).encode('unicode_escape').decode()}") from None


def _tracker(header: Mapping[str, Any], path: Path) -> Tracker:
    settings = header.get("tracker")
    if not isinstance(settings, dict):
        raise FlightError(f"{path}: tracker: expected a table, got {settings!r:.80}")
    try:
        return Tracker(**settings)
    except (TypeError, ValueError) as error:
        raise FlightError(f"{path}: tracker: {error}") from None


def _sums(line: Mapping[str, Any]) -> list[int]:
    pixels = line.get("pixels")
    sums = pixels.get("crc32") if isinstance(pixels, dict) else None
    if not isinstance(sums, list) or not all(type(one) is int for one in sums):
        raise FlightError(f"pixels.crc32: expected whole numbers, got {sums!r:.80}")
    return sums
