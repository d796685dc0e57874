"""Results on their way out: in the order of each source's frames, tracked, to callback or queue."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from .feed import Feed
from .result import NONE_DROPPED, Dropped, Result

CAPACITY = 1
"""Results that wait to be fetched; with more, engines wait, and live sources drop what is old."""


class Delivery:
    """Takes outcomes from the engines' threads.

    Args:
        changed: the lock and condition of the feeds, told when a source's turn moves on.
        note_age: gets the age of each result, ms.
    """

    def __init__(self, changed: threading.Condition, note_age: Callable[[float], None]) -> None:
        self.on_result: Callable[[Result], None] | None = None
        self.on_ready: Callable[[], None] = lambda: None
        self._changed = changed
        lock = threading.Lock()
        self._waiting = threading.Condition(lock)
        self._told = threading.Condition(lock)  # who fetches results is not woken in vain
        self._telling = False
        self._results: deque[Result] = deque()
        self._note_age = note_age
        self._ended = False

    def put(self, feed: Feed, ticket: int, outcome: Result | Dropped) -> None:
        """What became of a frame; waits while nobody fetches results, or another is told of.

        Raises:
            Exception: what the callback or the source's tracker raised.
        """
        with self._told:  # and not afterwards: a callback that closes waits for those who wait
            self._told.wait_for(lambda: not self._telling or self._ended)
            if self._ended:
                return
            self._telling = True
        try:
            self._tell(feed, ticket, outcome)
        finally:
            with self._told:
                self._telling = False
                self._told.notify()

    def get(self, *, wait: bool = True) -> Result | None:
        """The next result; None when there is none yet, and none will come if `ended`."""
        with self._waiting:
            if wait:
                self._waiting.wait_for(lambda: self._results or self._ended)
            if not self._results:
                return None
            self._waiting.notify_all()
            return self._results.popleft()

    @property
    def ended(self) -> bool:
        """Nothing more will come, and all that came was fetched."""
        with self._waiting:
            return self._ended and not self._results

    def wait(self, timeout_s: float) -> bool:
        """Whether it became so within this time."""
        with self._waiting:
            return self._waiting.wait_for(lambda: self._ended and not self._results, timeout_s)

    def end(self, *, discard: bool = False) -> None:
        """Nothing more will come; with `discard`, nor will what nobody fetched yet."""
        with self._waiting:
            self._ended = True
            if discard:
                self._results.clear()
            self._waiting.notify_all()
            self._told.notify_all()
        self.on_ready()

    def _tell(self, feed: Feed, ticket: int, outcome: Result | Dropped) -> None:
        feed.parked[ticket] = outcome
        while (due := feed.parked.pop(feed.turn, None)) is not None:
            with self._changed:
                feed.turn += 1
                self._changed.notify_all()
            if isinstance(due, Dropped):
                feed.carried = feed.carried.plus(due)
                continue
            if feed.carried != NONE_DROPPED:
                due = replace(due, dropped=due.dropped.plus(feed.carried))
                feed.carried = NONE_DROPPED
            if feed.tracker is not None:
                found = feed.tracker.update(due.detections, max(due.captured_ns, 0))
                due = replace(due, detections=found)
            self._note_age(due.times.age_ms)
            self._hand_out(due)

    def _hand_out(self, result: Result) -> None:
        if self.on_result is not None and not self.ended:
            self.on_result(result)
        if self.on_result is not None:
            return
        with self._waiting:
            self._waiting.wait_for(lambda: len(self._results) < CAPACITY or self._ended)
            if self._ended:
                return
            self._results.append(result)
            self._waiting.notify_all()
        self.on_ready()
