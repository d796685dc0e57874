"""A live source that comes back: it is opened again, with growing pauses, until it gives frames."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecore.errors import SourceError

from .source import Source, SourceChange

if TYPE_CHECKING:
    from edgecore.frame import Frame


@dataclass(frozen=True)
class Backoff:
    """Pauses before the tries to open a source again.

    The bound of a pause doubles from try to try; the pause is drawn from its upper half, so that
    many readers of one camera do not come back at once.

    Attributes:
        first_s: bound of the first pause, seconds.
        most_s: no bound grows beyond it.
    """

    first_s: float = 0.5
    most_s: float = 30.0

    def pause_s(self, tries: int, chance: float) -> float:
        """The pause after so many tries that failed; `chance` in [0, 1)."""
        bound = min(self.most_s, self.first_s * 2.0 ** min(tries, 64))
        return bound * (0.5 + 0.5 * chance)


class Reconnecting(Source):
    """Frames of a live source, across all its losses.

    Tells `on_change` source_lost once when it is lost, and source_back with the first frame after.

    Args:
        inner: the source, open.
        reopen: opens it anew; SourceError where that cannot be done yet.
        ends: whether the end of the stream is the end; an error never is.
        backoff: how long to wait before each try.
        chance: gives a number in [0, 1) for each pause.
    """

    live = True

    def __init__(
        self,
        inner: Source,
        reopen: Callable[[], Source],
        *,
        ends: bool = False,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__()
        self.description, self.fps = inner.description, inner.fps
        self.notes = inner.notes
        self._inner: Source | None = inner
        self._reopen = reopen
        self._ends = ends
        self._backoff = backoff or Backoff()
        self._chance = chance
        self._closed = threading.Event()
        self._lost_s: float | None = None
        self._tries = 0
        self._dropped = 0

    def __next__(self) -> Frame:
        while not self._closed.is_set():
            try:
                if self._inner is None:
                    self._inner = self._reopen()
                    self._inner.notes = self.notes
                    if self._closed.is_set():  # meanwhile: nobody would interrupt this one
                        self._drop_inner()
                        break
                frame = next(self._inner)
            except StopIteration:
                if self._ends or self._closed.is_set():
                    raise
                self._wait("the stream ended")
            except SourceError as error:
                self._wait(str(error))
            else:
                self._note_back()
                self.label = self._inner.label
                return frame
        raise StopIteration

    @property
    def dropped(self) -> int:  # type: ignore[override]
        """Frames that the source had to skip, over all its lives."""
        inner = self._inner
        return self._dropped + (inner.dropped if inner is not None else 0)

    def interrupt(self) -> None:
        """End a pause, and the source with it."""
        self._closed.set()
        inner = self._inner
        if inner is not None:
            inner.interrupt()

    def close(self) -> None:
        """Close what is open; a reader in another thread is interrupted before."""
        self._closed.set()
        self._drop_inner()

    def _wait(self, why: str) -> None:
        """The source is lost, or still is: pause before the next try."""
        self._drop_inner()
        pause_s = self._backoff.pause_s(self._tries, self._chance())
        self._tries += 1
        if self._lost_s is None:
            self._lost_s = time.monotonic()
            reason = f"{why}; tried again in {pause_s:.1f} s"
            self.on_change(SourceChange("source_lost", reason))
        self._closed.wait(pause_s)

    def _note_back(self) -> None:
        if self._lost_s is None:
            return
        away_s, self._lost_s = time.monotonic() - self._lost_s, None
        tries, self._tries = self._tries, 0
        times = f"{tries} tr{'y' if tries == 1 else 'ies'}"
        self.on_change(SourceChange("source_back", f"after {away_s:.1f} s and {times}"))

    def _drop_inner(self) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            self._dropped += inner.dropped
            inner.close()
