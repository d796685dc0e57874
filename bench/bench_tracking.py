"""Tracking: a frame of 100 objects, and how often identities change on rendered drives.

The crowd moves, jitters and is missed at times; every tracker goes through it to and fro by
itself. Switches of identity are summed over four drives for each motion of the camera
(bench/sightings.py); *untracked* is the share of sightings that got no id, and cannot switch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import edgecore
from bench.harness import Row
from bench.sightings import FPS, MOTIONS, Seen, Track, crowd, judged, seen_drive
from bench.targets import TRACKING
from edgecore.benchmark.race import Entrant

SEEDS = range(4)
Begin = Callable[[float], Track]


def ours(_: float) -> Track:
    tracker = edgecore.Tracker()

    def track(seen: Seen) -> np.ndarray:
        found = edgecore.Detections(seen.xyxy, seen.confidence, seen.class_id)
        ids = tracker.update(found, seen.t_ns).tracker_id
        assert ids is not None
        return ids

    return track


def to_and_fro(frames: list[Seen]) -> Iterator[Seen]:
    """Without end and without a jump; time goes on."""
    there_and_back = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    for count, index in enumerate(itertools.cycle(there_and_back)):
        yield frames[index]._replace(t_ns=frames[0].t_ns + round(count * 1e9 / FPS))


def test_tracking(contest: Any, peers: Any) -> None:
    makers: dict[str, Begin] = {"edgecore": ours}
    for module in peers("tracking", "byte_track", "roboflow_trackers"):
        for name, begin in module.trackers().items():
            makers[f"{module.NAME}: {name}"] = begin
    rows, entrants = [], []
    for label, begin in makers.items():
        role = "edgecore" if label == "edgecore" else "peer"
        rows.append(Row(TRACKING, label, None, facts=switches(begin), role=role))
        frames, track = to_and_fro(crowd(100)), begin(FPS)
        entrants.append(Entrant(label, lambda _, track=track, frames=frames: track(next(frames))))
    contest(rows, entrants, [None])
    for row in rows:
        if row.median_us is not None:
            row.facts["us a frame"] = round(row.median_us, 1)


def switches(begin: Begin) -> dict[str, float | str]:
    """Of each motion of the camera, and the share of sightings that went without an id."""
    facts: dict[str, float | str] = {}
    untracked = []
    for motion in MOTIONS:
        verdicts = [judged(begin(FPS), seen_drive(seed, motion)) for seed in SEEDS]
        facts[motion.name] = sum(verdict.switches for verdict in verdicts)
        untracked += [verdict.untracked for verdict in verdicts]
    facts["untracked"] = f"{np.mean(untracked):.0%}"
    return facts
