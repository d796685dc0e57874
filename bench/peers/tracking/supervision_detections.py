"""What the trackers around supervision take and give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import supervision

from bench.sightings import Seen


def through(update: Callable[[supervision.Detections], supervision.Detections], seen: Seen):
    """The ids that `update` gives to the boxes of one frame."""
    found = supervision.Detections(
        xyxy=seen.xyxy.copy(),
        confidence=seen.confidence.copy(),
        class_id=seen.class_id.copy(),
        data={"row": np.arange(len(seen.xyxy))},
    )
    kept = update(found)
    ids = np.full(len(seen.xyxy), -1)
    if len(kept):
        ids[kept.data["row"]] = kept.tracker_id
    return ids
