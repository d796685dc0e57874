"""One source of a pipeline: the thread that reads it, and the frame that waits for an engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from edgecore.errors import SourceError

from .events import PipelineEvent
from .result import NONE_DROPPED, Dropped, Result

if TYPE_CHECKING:
    from edgecore.detections import Detections
    from edgecore.frame import Frame
    from edgecore.sources import Source, SourceChange

_OVERWRITTEN, _GOVERNED = Dropped(overwritten=1), Dropped(governed=1)


class Tracks(Protocol):
    """What gives `tracker_id` to a source's detections: `edgecore.Tracker`, or your own."""

    def update(self, detections: Detections, timestamp_ns: int | None = None) -> Detections:
        """See `edgecore.Tracker.update`."""
        ...


@dataclass(slots=True)
class Captured:
    """A frame on its way to an engine.

    Attributes:
        dropped: frames of its source lost since the one that was taken before it.
        ticket: its place among the taken frames of its source; results come in this order.
    """

    feed: Feed
    frame: Frame
    frame_id: int
    label: str
    arrived_ns: int
    dropped: Dropped
    ticket: int = -1

    @property
    def captured_ns(self) -> int:
        """When it was captured, as far as its source knows."""
        stamp = self.frame.timestamp_ns
        return self.arrived_ns if stamp is None else stamp

    @property
    def born_ns(self) -> int:
        """Since when its age counts: a file's frames were captured on another day."""
        return self.captured_ns if self.feed.live else self.arrived_ns


class Feed:
    """A source and its slot.

    A live source overwrites the frame in the slot; any other waits until that was taken, and has
    the next one read by then.

    Args:
        name: of the source in the pipeline.
        source: is read on a thread of its own, from `start` on, and closed by that thread.
        lock: the pipeline's; guards the slot and the counts.
        changed: its condition, told when the slot is filled.
        told: gets the source's events.

    Attributes:
        taken: frames that were given to engines; the next one's ticket.
        turn: the ticket whose outcome is told next; what came out of later ones is `parked`.
        due_ns: the governor lets no frame be taken earlier.
        carried: dropped since the last result, among the frames that had been taken.
        home: number of the only engine that may take its frames; None is any.
        tracker: says who is who in its frames, in their order; None where nothing does.
        state: of the recurrent model that ran its frames, and that model; touched only by the
            thread of the engine that runs it.
        total: all frames dropped.
        failure: why the source will give no more, if it did not simply end.
        ended: it will give no more.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        lock: threading.RLock,
        changed: threading.Condition,
        told: Callable[[PipelineEvent], None],
        tracker: Tracks | None = None,
    ) -> None:
        self.name = name
        self.source = source
        self.live = source.live
        self.taken = 0
        self.turn = 0
        self.parked: dict[int, Result | Dropped] = {}
        self.carried = NONE_DROPPED
        self.due_ns = 0
        self.home: int | None = None
        self.tracker = tracker
        self.state: tuple[object, Any] | None = None
        self.total = NONE_DROPPED
        self.failure: SourceError | None = None
        self.ended = False
        self.slot: Captured | None = None
        self._changed = changed
        self._emptied = threading.Condition(lock)  # only its reader waits: nobody wakes in vain
        self._told = told
        self._closed = False
        self._frames = 0
        self._skipped = 0
        source.on_change = self._note_change
        self._thread = threading.Thread(
            target=self._run, name=f"edgecore-source {name}", daemon=True
        )

    def start(self) -> None:
        """Read from now on."""
        self._thread.start()

    def close(self) -> None:
        """Ask the reader to end; `changed` is held."""
        self._closed = True
        self.slot = None
        self._emptied.notify()
        self.source.interrupt()

    @property
    def is_this_thread(self) -> bool:
        """Whether it calls this itself."""
        return self._thread is threading.current_thread()

    def join(self, timeout_s: float) -> bool:
        """Whether the reader came back, which then has closed the source, or calls this itself."""
        if self._thread.ident is None:
            self.source.close()
        elif not self.is_this_thread:
            self._thread.join(timeout_s)
        return self.is_this_thread or not self._thread.is_alive()

    def take(self) -> Captured:
        """The frame of the slot, with its ticket; `changed` is held."""
        captured = self.slot
        assert captured is not None
        self.slot = None
        captured.ticket, self.taken = self.taken, self.taken + 1
        self._emptied.notify()
        return captured

    def lose(self, lost: Dropped) -> None:
        """Count frames that were dropped."""
        with self._changed:
            self.total = self.total.plus(lost)

    def fail(self, error: SourceError) -> None:
        """Read no more; a frame in the slot still counts."""
        with self._changed:
            if self._closed:
                return
            error.source = self.name
            self.failure = error
            self._closed = True
            self._emptied.notify()
            self.source.interrupt()
            self._changed.notify_all()
        self._told(PipelineEvent("source_failed", str(error), self.name))

    def _run(self) -> None:
        for step in (self._read, self.source.close):
            try:
                step()
            except SourceError as error:
                self.fail(error)
            except (Exception, SystemExit) as error:
                self.fail(SourceError(f"{self.name}: {type(error).__name__}: {error}"))
        if not self._closed:
            self._told(PipelineEvent("source_ended", source=self.name))
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def _read(self) -> None:
        source = self.source.direct
        while not self._closed:
            try:
                frame = next(source)
            except StopIteration:
                return
            except SourceError as error:
                if not source.resumable:
                    raise
                self._told(PipelineEvent("source_error", str(error), self.name))
                continue
            self._put(frame, source)

    def _put(self, frame: Frame, source: Source) -> None:
        now_ns = time.monotonic_ns()
        skipped = source.dropped
        with self._changed:
            dropped = NONE_DROPPED
            if skipped != self._skipped:
                dropped = Dropped(source=skipped - self._skipped)
                self.total = self.total.plus(dropped)
                self._skipped = skipped
            if not self.live:
                self._emptied.wait_for(lambda: self.slot is None or self._closed)
            if self._closed:
                return
            if self.slot is not None:
                lost = _GOVERNED if now_ns < self.due_ns else _OVERWRITTEN
                self.total = self.total.plus(lost)
                dropped = dropped.plus(self.slot.dropped).plus(lost)
            self.slot = Captured(self, frame, self._frames, source.label, now_ns, dropped)
            self._frames += 1
            self._changed.notify_all()

    def _note_change(self, change: SourceChange) -> None:
        self._told(PipelineEvent(change.kind, change.reason, self.name))
