"""How long something was waited for; what this process was kept from running does not count."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

SLICE_S, FINEST_S = 0.05, 1e-4
"""Waiting goes by at most and at least so much; what took twice the most was not waiting."""


class Patience:
    """Waits in slices, as long as its time has not come.

    Nothing is known of what came while this process stood still (a debugger, a frozen control
    group, a machine that was paused), so such a slice counts as two. Where it was to be the last
    there is one more: what came meanwhile is looked at before the time is over.

    Args:
        limit_s: the time that counts.
        now_s: the clock.
    """

    def __init__(self, limit_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._limit_s, self._now_s = limit_s, now_s
        self._waited_s = 0.0
        self._looked_s = now_s()
        self._one_more = True

    def slice_s(self) -> float:
        """How long to wait next; 0: its time is over, and what is there now counts."""
        stood_still = self._look()
        left_s = self._limit_s - self._waited_s
        if left_s >= FINEST_S:
            return min(left_s, SLICE_S)
        one_more, self._one_more = stood_still and self._one_more, False
        return SLICE_S if one_more else 0.0

    def outlasts(self, thread: threading.Thread) -> bool:
        """Whether a thread ends within the time; waits for it."""
        while thread.is_alive() and (slice_s := self.slice_s()) > 0.0:
            thread.join(slice_s)
        return not thread.is_alive()

    @property
    def waited_s(self) -> float:
        """What counts so far."""
        self._look()
        return self._waited_s

    def _look(self) -> bool:
        """Count the slice that is over; whether it was longer than any that is waited."""
        now_s = self._now_s()
        took_s, self._looked_s = now_s - self._looked_s, now_s
        self._waited_s += min(took_s, 2 * SLICE_S)
        return took_s > 2 * SLICE_S
