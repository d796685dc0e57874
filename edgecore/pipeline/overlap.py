"""Whether to prepare frames beside an invoke: told by what the first frames take."""

from __future__ import annotations

import statistics

PROBED = 5
"""So many frames tell; the one before them finds memory and code cold, and does not."""
FARTHER = 2.0
"""What was prepared on another core lies in that core's caches: a copy from there takes about so
many times as long as the one that is measured here, on one core.
"""
HAND_OVER_MS = 0.1
"""Of a frame from one thread to the other."""


class OverlapProbe:
    """Weighs what overlapping takes off an engine's thread against the copy that it adds there."""

    def __init__(self) -> None:
        self._prepared_ms: list[float] = []
        self._copied_ms: list[float] = []

    def note(self, prepared_ms: float, copied_ms: float) -> bool | None:
        """A frame was prepared, then copied into the engine's input: whether overlapping pays.

        Returns:
            None while more frames are to tell.
        """
        self._prepared_ms.append(prepared_ms)
        self._copied_ms.append(copied_ms)
        if len(self._prepared_ms) <= PROBED:
            return None
        prepared, copied = (
            statistics.median(each[1:]) for each in (self._prepared_ms, self._copied_ms)
        )
        return prepared > FARTHER * copied + HAND_OVER_MS
