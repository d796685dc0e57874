"""Which frame an engine gets next: round robin over the sources that have one ready."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .feed import Captured, Feed
from .result import Dropped

if TYPE_CHECKING:
    from .engine_model import EngineModel

WINDOW = 4
"""So many frames of one source for each engine may be taken before the first of them is told."""


class Prepared(NamedTuple):
    """A frame for an engine.

    Attributes:
        model: which of the engine's models is to run it.
        tensor: the input made of it for that model; None where the engine is to make it.
        preprocess_ms: what making it took.
    """

    captured: Captured
    model: EngineModel
    tensor: Any = None
    preprocess_ms: float = 0.0


class Lane:
    """An engine's place in the schedule.

    Attributes:
        number: of the engine.
        staged: the prepared frame that waits for it.
        preparing: a frame is being prepared for it.
        busy: it has a frame.
        ended: no frame will be prepared for it any more.
        failed: it is not used any more.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.staged: Prepared | None = None
        self.preparing = False
        self.busy = False
        self.ended = False
        self.failed = False

    @property
    def idle(self) -> bool:
        """Whether a frame taken now would be invoked at once."""
        return not (self.busy or self.preparing or self.staged or self.failed)


class Schedule:
    """Gives the frames of feeds to lanes.

    Args:
        feeds: the sources, in the order of their turns.
        lanes: one for each engine.
        changed: the lock and condition of feeds and lanes.

    Attributes:
        max_fps: no source gives frames more often; None is as often as engines are free.
    """

    def __init__(
        self, feeds: Sequence[Feed], lanes: Sequence[Lane], changed: threading.Condition
    ) -> None:
        self.max_fps: float | None = None
        self._feeds = feeds
        self._lanes = lanes
        self._changed = changed
        self._window = WINDOW * len(lanes)
        self._turn = 0
        self._closed = False

    def take(self, lane: Lane) -> Captured | None:
        """The next frame for `lane`, waited for; None when there will be none.

        While a prepared frame waits for the engine, only a newer one of the same live source.
        """
        with self._changed:
            lane.preparing = False
            self._changed.notify_all()
            while not (self._closed or lane.failed):
                if lane.staged is not None:
                    feed = lane.staged.captured.feed
                    if feed.live and feed.slot is not None and self._in_window(feed):
                        return self._given(feed, lane)
                    self._changed.wait()
                    continue
                if all(feed.ended and feed.slot is None for feed in self._feeds):
                    return None
                wait_s = self._until_due(lane)
                if wait_s == 0.0:
                    return self._given(self._next_in_turn(lane), lane)
                self._changed.wait(wait_s)
            return None

    def stage(self, lane: Lane, prepared: Prepared) -> Prepared | None:
        """Leave a prepared frame for the engine of `lane`, in place of an older one.

        Returns:
            The older one, if it was still there. Where its ticket could not go to the newer one it
            keeps it, and somebody has to tell what was dropped.
        """
        with self._changed:
            old, lane.staged = lane.staged, prepared
            lane.preparing = False
            self._changed.notify_all()
            if old is None:
                return None
            new, feed = prepared.captured, prepared.captured.feed
            lost = Dropped(overwritten=1)
            feed.total = feed.total.plus(lost)
            old.captured.dropped = old.captured.dropped.plus(lost)
            if old.captured.ticket + 1 == new.ticket == feed.taken - 1:
                new.dropped = new.dropped.plus(old.captured.dropped)
                new.ticket, feed.taken, old.captured.ticket = old.captured.ticket, new.ticket, -1
            return old

    def end(self, lane: Lane) -> None:
        """Nothing more is staged for `lane`."""
        with self._changed:
            lane.ended = True
            self._changed.notify_all()

    def take_staged(self, lane: Lane) -> Prepared | None:
        """The prepared frame of `lane`, waited for; None when there will be none."""
        with self._changed:
            lane.busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: lane.staged or lane.ended or self._closed)
            staged, lane.staged = lane.staged, None
            lane.busy = True
            self._changed.notify_all()
            return None if self._closed else staged

    def fail(self, lane: Lane) -> bool:
        """Use `lane` no more; sources that only it may take move on. Whether any lane is left."""
        with self._changed:
            lane.failed = True
            left = [each.number for each in self._lanes if not each.failed]
            for feed in self._feeds:
                if left and feed.home == lane.number:
                    feed.home = left[feed.home % len(left)]
            self._changed.notify_all()
            return bool(left)

    def close(self) -> None:
        """Nothing is taken any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _ready(self, feed: Feed, lane: Lane) -> bool:
        if feed.slot is None or not self._in_window(feed):
            return False
        if feed.home is not None:
            return feed.home == lane.number
        return not (lane.busy and any(other.idle for other in self._lanes))

    def _in_window(self, feed: Feed) -> bool:
        return feed.taken - feed.turn < self._window

    def _until_due(self, lane: Lane) -> float | None:
        """Seconds until some ready frame may be taken; None while none is ready."""
        due_ns = [feed.due_ns for feed in self._feeds if self._ready(feed, lane)]
        if not due_ns:
            return None
        return max(0, min(due_ns) - time.monotonic_ns()) / 1e9

    def _given(self, feed: Feed, lane: Lane) -> Captured:
        lane.preparing = True
        self._changed.notify_all()
        return feed.take()

    def _next_in_turn(self, lane: Lane) -> Feed:
        now_ns = time.monotonic_ns()
        order = [*self._feeds[self._turn :], *self._feeds[: self._turn]]
        feed = next(each for each in order if self._ready(each, lane) and each.due_ns <= now_ns)
        self._turn = (self._feeds.index(feed) + 1) % len(self._feeds)
        if self.max_fps is not None:
            period_ns = round(1e9 / self.max_fps)
            late_ns = now_ns - feed.due_ns
            feed.due_ns = period_ns + (feed.due_ns if late_ns < period_ns else now_ns)
        return feed
