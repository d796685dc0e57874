"""The package trackers (Roboflow)."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version

from trackers import ByteTrackTracker, OCSORTTracker, SORTTracker

from bench.peers.tracking.supervision_detections import through
from bench.sightings import Track

NAME, VERSION = "trackers", version("trackers")


def begin(kind, frame_rate: float) -> Track:
    tracker = kind(frame_rate=frame_rate)
    return lambda seen: through(tracker.update, seen)


def trackers():
    kinds = (ByteTrackTracker, OCSORTTracker, SORTTracker)
    return {kind.__name__.removesuffix("Tracker"): partial(begin, kind) for kind in kinds}
