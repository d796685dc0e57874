"""What a run comes to: counted while it goes on, written as DIR/summary.json at its end."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgecore.errors import ConfigError

if TYPE_CHECKING:
    from edgecore.detections import Detections

RECENT_S = 2.0
KEPT = 100_000


@dataclass(frozen=True)
class Now:
    """The run at this moment, for the display; medians and fps are of the last two seconds."""

    elapsed_s: float
    frames: int
    fps: float
    preprocess_ms: float
    invoke_ms: float
    postprocess_ms: float
    objects: Counter[str]
    ttc_s: float | None
    danger: str


class Tally:
    """Counts frames, stage times and detections; any thread may ask.

    Stage medians are of the last 100,000 frames.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started_s = time.monotonic()
        self._stages = np.empty((KEPT, 3), np.float32)
        self._recent: deque[tuple[float, tuple[float, float, float]]] = deque(maxlen=1000)
        self._objects: Counter[str] = Counter()
        self._classes: Counter[str] = Counter()
        self._ttc_s: float | None = None
        self._danger = "clear"
        self.frames = 0
        self.last_frame_s = self._started_s

    def start(self) -> None:
        """Count time from now on."""
        with self._lock:
            self._started_s = self.last_frame_s = time.monotonic()

    def frame(self, detections: Detections, ttc_s: float | None, danger: str) -> None:
        """One frame is finished."""
        now_s = time.monotonic()
        timings = detections.timings
        stages = (timings.preprocess_ms, timings.invoke_ms, timings.postprocess_ms)
        with self._lock:
            self._stages[self.frames % KEPT] = stages
            self.frames += 1
            self.last_frame_s = now_s
            self._recent.append((now_s, stages))
            self._objects = Counter(detections.class_name)
            self._classes.update(self._objects)
            self._ttc_s, self._danger = ttc_s, danger

    def now(self) -> Now:
        """The state of this moment."""
        now_s = time.monotonic()
        with self._lock:
            while self._recent and self._recent[0][0] < now_s - RECENT_S:
                self._recent.popleft()
            stages = medians(np.array([each for _, each in self._recent]))
            span_s = min(RECENT_S, max(now_s - self._started_s, 1e-3))
            return Now(
                now_s - self._started_s,
                self.frames,
                len(self._recent) / span_s,
                *stages,
                self._objects,
                self._ttc_s,
                self._danger,
            )

    def summary(self) -> dict[str, Any]:
        """The counts of the whole run, as summary.json has them."""
        with self._lock:
            elapsed_s = max(self.last_frame_s - self._started_s, 1e-9)
            stages = medians(self._stages[: self.frames])
            return {
                "frames": self.frames,
                "duration_s": round(time.monotonic() - self._started_s, 3),
                "fps": round(self.frames / elapsed_s, 2),
                "preprocess_ms": round(stages[0], 4),
                "invoke_ms": round(stages[1], 4),
                "postprocess_ms": round(stages[2], 4),
                "detections": sum(self._classes.values()),
                "detections_by_class": dict(self._classes.most_common()),
            }


def medians(stages: NDArray[Any]) -> tuple[float, float, float]:
    """The median of each of three columns; zeros for no rows."""
    if not len(stages):
        return (0.0, 0.0, 0.0)
    first, second, third = np.median(stages, axis=0).tolist()
    return (first, second, third)


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write the summary in one piece: a reader sees the whole of it or nothing.

    Raises:
        ConfigError: it cannot be written.
    """
    beside = path.with_suffix(".json.part")
    try:
        beside.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigError(f"out: {path}: cannot be written: {error.strerror}") from None
