"""A live source keeps one frame: the newest. What was never taken is counted, not queued."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .source import Source

if TYPE_CHECKING:
    from edgecore.frame import Frame


class Latest(Source):
    """Reads `inner` on a thread of its own, from the first call on, and hands out its newest frame.

    What ends `inner`, in reading or closing, is raised once the frame before was handed out.
    """

    live = True

    def __init__(self, inner: Source) -> None:
        super().__init__()
        self.description, self.fps, self.length = inner.description, inner.fps, inner.length
        self.notes = inner.notes
        self._inner = inner
        inner.on_change = lambda change: self.on_change(change)
        self._changed = threading.Condition()
        self._slot: tuple[Frame, str] | None = None
        self._overwritten = 0
        self._ended = False
        self._started = False
        self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="edgecore-source", daemon=True)

    def _read(self) -> None:
        error: BaseException | None = None
        try:
            for frame in self._inner:
                with self._changed:
                    if self._closed:
                        break
                    if self._slot is not None:
                        self._overwritten += 1
                    self._slot = (frame, self._inner.label)
                    self._changed.notify_all()
        except (Exception, SystemExit) as caught:
            error = caught
        try:
            self._inner.close()
        except (Exception, SystemExit) as caught:
            error = error or caught
        with self._changed:
            self._error, self._ended = error, True
            self._changed.notify_all()

    @property
    def direct(self) -> Source:
        """The inner source, unless this one reads it already; who takes it closes this one."""
        if self._started:
            return self
        return self._inner

    def interrupt(self) -> None:
        """Pass it on."""
        self._inner.interrupt()

    @property
    def dropped(self) -> int:  # type: ignore[override]
        """Frames overwritten in the slot, and those the inner source itself had to skip."""
        with self._changed:
            return self._overwritten + self._inner.dropped

    def __next__(self) -> Frame:
        with self._changed:
            if not (self._started or self._closed):
                self._started = True
                self._thread.start()
            self._changed.wait_for(lambda: self._slot is not None or self._ended or self._closed)
            if self._closed:
                raise StopIteration
            if self._slot is not None:
                (frame, self.label), self._slot = self._slot, None
                return frame
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            raise StopIteration

    def close(self) -> None:
        """Release who waits for a frame; the thread of the inner source closes that."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            if not self._started:
                self._inner.close()
                return
        self._inner.interrupt()
        if self._thread is not threading.current_thread():  # which tells of changes
            self._thread.join(timeout=2.0)
