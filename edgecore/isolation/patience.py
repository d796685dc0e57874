"""How long an answer was waited for; what either side was kept from running does not count."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from firmware_bridge import patience
from firmware_bridge.patience import FINEST_S, SLICE_S

LEAST_S = 0.01
"""While the other process starves, slices are no shorter."""

Delays = dict[str, float]
"""Seconds that each thread of a process waited for a processor so far, by thread."""


class Patience(patience.Patience):
    """Waits for another process, which may be kept from running as well.

    A hung process is one that would have answered by now. One that waited for a processor would
    not.

    Args:
        limit_s: the time that counts.
        most_s: whatever it waited for a processor, no longer.
        delays: of the other process; read only once an answer takes longer than a slice.
        now_s: the clock.
    """

    def __init__(
        self,
        limit_s: float,
        most_s: float,
        delays: Callable[[], Delays],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(limit_s, now_s)
        self._most_s, self._delays = most_s, delays
        self._before: Delays | None = None

    def slice_s(self) -> float:
        """How long to wait next; 0: its time is over, and an answer that is there now counts."""
        self._look()
        starved_s = self._starved_s()
        most_left_s = self._most_s - self._waited_s
        left_s = min(self._limit_s + starved_s - self._waited_s, most_left_s)
        if left_s < FINEST_S:
            return 0.0
        # Its end moves on while it starves: who looked ever sooner would take processors from it.
        return min(max(left_s, LEAST_S if starved_s else 0.0), most_left_s, SLICE_S)

    def _starved_s(self) -> float:
        """The longest that one of its threads waited for a processor since the first slice."""
        if self._waited_s < SLICE_S:
            return 0.0
        delays = self._delays()
        if self._before is None:
            self._before = delays
        return max((delays[each] - self._before.get(each, 0.0) for each in delays), default=0.0)


def delays_of(pid: int) -> Delays:
    """As the kernel counts them (Documentation/scheduler/sched-stats); empty where it does not."""
    found: Delays = {}
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found[thread.name] = int((thread / "schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        pass  # it ends, or the kernel keeps no such counts: then nothing is known to excuse it
    return found
