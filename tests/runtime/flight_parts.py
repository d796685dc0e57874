"""Drives for tests of the flight recorder: ideal detections of the scenario, no waiting."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgecore.flight import FlightRecorder
from edgecore.frame import Frame
from edgecore.rules import CollisionRule, Event, Moment, RuleSet, rule_tables
from edgecore.tracking import Tracker

from .agent_parts import PIXELS, SIZE, IdealDetector

LOG = "flight.jsonl"
Lines = list[dict[str, Any]]


class Car:
    """What drives: rules, and the tracker before them."""

    def __init__(self, rules: RuleSet | None = None) -> None:
        self.rules = rules or RuleSet({"collision": CollisionRule()})
        self.tracker = Tracker()


ABOUT = {"source": "a drive", "rules": rule_tables(Car().rules), "tracker": {}}


def drive(
    flight: FlightRecorder,
    frames: int,
    *,
    first: int = 0,
    car: Car | None = None,
    records: Callable[[int], dict[str, Any]] = lambda _: {},
) -> list[Event]:
    """Judge so many frames of the scenario, 20 a second, and have them kept; what happened."""
    car, detector = car or Car(), IdealDetector(0)
    happened: list[Event] = []
    for number in range(first, first + frames):
        t_ns = number * 50_000_000
        frame = Frame(PIXELS, *SIZE, "rgb", timestamp_ns=t_ns)
        flight.before_frame(car.rules, car.tracker)
        found = car.tracker.update(detector.detect(frame), t_ns)
        moment = Moment(number, t_ns, found, SIZE, 16.7, records(number))
        events = car.rules.judge(moment)
        flight.frame(frame, moment, car.rules, events, label=f"drive#{number}", link="up")
        happened += events
    return happened


def flights(folder: Path) -> list[Path]:
    return sorted(folder.glob("flight-*.zip"))


def log_of(path: Path) -> list[dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        return [json.loads(line) for line in archive.read(LOG).splitlines()]


def edited(path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> Path:
    """A copy whose lines `change` has changed in place."""
    lines = log_of(path)
    change(lines)
    return with_log(path.with_name("edited.zip"), "\n".join(map(json.dumps, lines)).encode())


def with_log(path: Path, log: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(LOG, log)
    return path


def copied(path: Path, to: Path, **members: bytes) -> Path:
    """A flight with other members of these names."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, members.get(name, source.read(name)))
    return to


def rewritten(path: Path, to: Path, change: Callable[[Lines], Any]) -> Path:
    lines = log_of(path)
    change(lines)
    return copied(path, to, **{LOG: "\n".join(map(json.dumps, lines)).encode()})


def frames_of(lines: Lines) -> Lines:
    return [line for line in lines if line["record"] == "frame"]
