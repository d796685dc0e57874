"""What every source of frames is: an iterator of frames that says what it is and can be closed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from edgecore.frame import Frame


@dataclass(frozen=True, slots=True)
class SourceChange:
    """A live source was lost, or is back.

    Attributes:
        kind: source_lost, source_back.
        reason: why it was lost and when it is tried again; how long it was away.
    """

    kind: Literal["source_lost", "source_back"]
    reason: str


class Source(ABC):
    """Frames in order of capture.

    Iterating raises SourceError where a frame cannot be had. A source that is `resumable` goes on
    with its next item when it is asked again after such an error; any other has then ended.

    Attributes:
        description: what this is, for people, in one line.
        live: frames come by the clock; the newest wins and the others are counted in `dropped`.
        resumable: an error concerns one item only (a folder with one damaged picture).
        length: number of frames where it is known beforehand, else None.
        fps: nominal frames per second where there is such a thing, else None.
        label: where the frame handed out last came from: a path, or a path and frame number.
        dropped: frames that were captured but never handed out.
        on_change: is called, on the thread that reads, when a live source is lost or back; a
            pipeline puts its own in its place.
        notes: remarks about what was done to the frames, each said once.
    """

    description: str = ""
    live: bool = False
    resumable: bool = False
    length: int | None = None
    fps: float | None = None
    label: str = ""
    dropped: int = 0

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.on_change: Callable[[SourceChange], None] = lambda _: None

    def __iter__(self) -> Source:
        return self

    @abstractmethod
    def __next__(self) -> Frame:
        """The next frame.

        Raises:
            SourceError: it cannot be had; the text says which and why.
            StopIteration: there are no more, or the source was closed.
        """

    @abstractmethod
    def close(self) -> None:
        """Release what the source holds; a second call does nothing."""

    def interrupt(self) -> None:  # noqa: B027  # most sources never wait
        """Ask a reader in another thread to come back soon; the source then ends."""

    @property
    def direct(self) -> Source:
        """The same frames without a slot and a thread of its own, for who has those itself."""
        return self

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def note(self, text: str) -> None:
        """Remember a remark, once."""
        if text not in self.notes:
            self.notes.append(text)
