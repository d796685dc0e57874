"""supervision's ByteTrack, in the versions that have it."""

from __future__ import annotations

import warnings

import supervision
from supervision import ByteTrack

from bench.peers.tracking.supervision_detections import through
from bench.sightings import Track

NAME, VERSION = "supervision", supervision.__version__


def begin(frame_rate: float) -> Track:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is to move to another package
        tracker = ByteTrack(frame_rate=round(frame_rate))
    return lambda seen: through(tracker.update_with_detections, seen)


def trackers():
    return {"ByteTrack": begin}
