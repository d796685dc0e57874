"""Process replay: a flight's detections through the judging code again, and whether it agrees."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from edgecore.errors import ConfigError, FlightError
from edgecore.rules import RuleSet, read_rules

from .file import read_lines
from .lines import outcome, read_moment

CONTEXT = 3
"""Frames before the divergence that are kept."""


@dataclass(frozen=True)
class Judged:
    """A frame's outcome, `view` and `events`, as it was recorded and as it is now."""

    frame: int
    t_ns: int
    recorded: dict[str, Any]
    replayed: dict[str, Any]


@dataclass(frozen=True)
class Divergence:
    """The first frame at which the replay comes to something else.

    Attributes:
        at: that frame.
        before: the frames just before, which are alike.
        fields: what differs, by its place (`view.collision.ttc_s`, `events[0].kind`), recorded and
            replayed; None: one side has no such field.
    """

    at: Judged
    before: tuple[Judged, ...]
    fields: dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Replay:
    """What a replay came to.

    Attributes:
        header: of the flight: what triggered it, source, model, settings.
        frames: judged again; with a divergence those before it.
        skipped: frames before the first recorded state of the rules, which cannot be.
        functions: names of rules that were not asked: a flight has no code in it.
        events: that were alike, the replayed ones.
        divergence: None: everything was alike, bit for bit.
    """

    header: dict[str, Any]
    frames: int
    skipped: int
    functions: tuple[str, ...]
    events: tuple[dict[str, Any], ...]
    divergence: Divergence | None


def replay(flight: str | PathLike[str]) -> Replay:
    """Feed a flight's moments, with their recorded times, to the code that judged them.

    The rules start from their first recorded state and from there get every frame of the run, so
    views and events must be what they were, to the last bit. Model and tracker are not run: what
    they found is part of the recording.

    Args:
        flight: the file.

    Raises:
        FlightError: it cannot be read, is damaged, has a gap, rules that make no sense, or no frame
            that can be judged.
    """
    path = Path(flight)
    lines = read_lines(path)
    header = next(lines, None)
    if header is None:
        raise FlightError(f"{path}: not a flight: its log is empty")
    rules, functions = _rules(header, path)
    ready, skipped, frames = False, 0, 0
    events: list[dict[str, Any]] = []
    last: Judged | None = None
    before: deque[Judged] = deque(maxlen=CONTEXT)
    for number, line in enumerate(lines, 2):
        try:
            if line.get("record") == "state" and not ready:
                rules.restore(line.get("state"))
                ready = True
            if line.get("record") != "frame":
                continue
            if not ready:
                skipped += 1
                continue
            last = _judge(rules, functions, line, last)
            fields = _differing(last.recorded, last.replayed)
        except (FlightError, ValueError, RecursionError) as error:
            raise FlightError(f"{path}: line {number}: {error}") from None
        if fields:
            found = Divergence(last, tuple(before), fields)
            return Replay(header, frames, skipped, functions, tuple(events), found)
        frames += 1
        events += last.replayed["events"]
        before.append(last)
    if not frames:
        raise FlightError(f"{path}: expected a state of the rules and frames after it, got none")
    return Replay(header, frames, skipped, functions, tuple(events), None)


def _rules(header: dict[str, Any], path: Path) -> tuple[RuleSet, tuple[str, ...]]:
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


def _judge(
    rules: RuleSet, functions: tuple[str, ...], line: dict[str, Any], last: Judged | None
) -> Judged:
    moment = read_moment(line)
    if last is not None and moment.frame != last.frame + 1:
        raise FlightError(
            f"frame: expected {last.frame + 1}, got {moment.frame}: frames are missing"
        )
    view, events = line.get("view"), line.get("events")
    if not isinstance(view, dict):
        raise FlightError(f"view: expected a table, got {view!r:.80}")
    if not isinstance(events, list) or not all(isinstance(one, dict) for one in events):
        raise FlightError(f"events: expected a list of tables, got {events!r:.80}")
    judged = [one for one in events if one.get("rule") not in functions]
    happened = rules.judge(moment)
    replayed = json.loads(json.dumps(outcome(rules, happened)))
    return Judged(moment.frame, moment.t_ns, {"view": view, "events": judged}, replayed)


def _differing(recorded: Any, replayed: Any, place: str = "") -> dict[str, tuple[Any, Any]]:
    """Every place where two values of JSON differ; numbers are compared as written."""
    ours: dict[Any, Any] = _children(recorded, place)
    theirs: dict[Any, Any] = _children(replayed, place)
    if type(recorded) is not type(replayed) or not isinstance(recorded, dict | list):
        same = json.dumps(recorded) == json.dumps(replayed)
        return {} if same else {place: (recorded, replayed)}
    found: dict[str, tuple[Any, Any]] = {}
    for name in ours | theirs:
        if name in ours and name in theirs:
            found |= _differing(ours[name], theirs[name], name)
        else:
            found[name] = (ours.get(name), theirs.get(name))
    return found


def _children(value: Any, place: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return {f"{place}.{name}" if place else str(name): one for name, one in value.items()}
    if isinstance(value, list):
        return {f"{place}[{index}]": one for index, one in enumerate(value)}
    return {}
