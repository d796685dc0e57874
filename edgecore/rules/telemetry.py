"""Telemetry between the threads that receive it and the rules, joined to frames by host time."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.void]

GOOD_FOR_NS = 1_000_000_000
"""A speed of another time than the frame's counts for as long."""

KEPT_BATCHES = 512
"""Of each message; when nobody takes them the oldest go."""

KEPT_SPEEDS = 512


class Telemetry:
    """Takes batches on any thread and hands them out once a frame."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Records]] = {}
        self._speeds: deque[tuple[int, float]] = deque(maxlen=KEPT_SPEEDS)

    def add(self, name: str, records: Records) -> None:
        """Take a batch as a subscription gives it: a structured array with int64 `t_ns`.

        A speed that is no finite number, of a sensor that fails, is one that is not known.
        """
        with self._lock:
            self._waiting.setdefault(name, deque(maxlen=KEPT_BATCHES)).append(records)
            if name == "vehicle" and "speed_mps" in (records.dtype.names or ()):
                known = records[np.isfinite(records["speed_mps"])]
                self._speeds.extend(
                    zip(known["t_ns"].tolist(), known["speed_mps"].tolist(), strict=True)
                )

    def take(self) -> dict[str, Records]:
        """What came since the last call, a batch a message; those of another layout stay for next.

        The layout of a message changes only where another firmware answers.
        """
        taken = {}
        with self._lock:
            for name, batches in self._waiting.items():
                alike: list[Records] = []
                while batches and (not alike or batches[0].dtype == alike[0].dtype):
                    alike.append(batches.popleft())
                if alike:
                    taken[name] = np.concatenate(alike)
        return taken

    def speed_mps(self, t_ns: int) -> float | None:
        """The speed at this time: between the samples around it, or the nearest within a second."""
        before = after = None
        with self._lock:
            for one in reversed(self._speeds):  # frames are of just now
                if one[0] <= t_ns:
                    before = one
                    break
                after = one
        if before is not None and after is not None and after[0] - before[0] <= GOOD_FOR_NS:
            share = (t_ns - before[0]) / (after[0] - before[0])
            return before[1] + share * (after[1] - before[1])
        near = [one for one in (before, after) if one and abs(one[0] - t_ns) <= GOOD_FOR_NS]
        return min(near, key=lambda one: abs(one[0] - t_ns))[1] if near else None
