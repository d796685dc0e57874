"""The last seconds in bounded memory: entries by their age, the oldest given up for room."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

ENTRY_BYTES = 320
"""What an entry costs beside its data: the objects that hold it, rounded up."""


class Entry(NamedTuple):
    """One thing that was kept.

    Attributes:
        t_ns: when it was kept, CLOCK_MONOTONIC.
        name: of the picture it is; empty for a line of the log.
        data: the picture, or the line without its end.
    """

    t_ns: int
    name: str
    data: bytes

    @property
    def cost(self) -> int:
        """Bytes of memory it is counted as."""
        return ENTRY_BYTES + len(self.data)


class FlightRing:
    """Entries of the last `span_s` seconds, as long as they fit; any thread may add.

    Args:
        span_s: older than this, counted from the newest, is given up.
        limit_bytes: bound of the cost of all entries together; the oldest give way.

    Attributes:
        held_bytes: what the entries cost now; never more than `limit_bytes`.
        refused: entries that alone would have broken the bound, and were not taken.
    """

    def __init__(self, span_s: float, limit_bytes: int) -> None:
        self.held_bytes = 0
        self.refused = 0
        self._span_ns = round(span_s * 1e9)
        self._limit = limit_bytes
        self._entries: deque[Entry] = deque()
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        """Keep one more; it counts as the newest."""
        with self._lock:
            if entry.cost > self._limit:
                self.refused += 1
                return
            self._entries.append(entry)
            self.held_bytes += entry.cost
            oldest_ns = entry.t_ns - self._span_ns
            while self.held_bytes > self._limit or self._entries[0].t_ns < oldest_ns:
                self.held_bytes -= self._entries.popleft().cost

    def entries(self) -> list[Entry]:
        """What is kept now, the oldest first; the data is shared, not copied."""
        with self._lock:
            return list(self._entries)
