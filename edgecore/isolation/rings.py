"""How an engine's process is shown frames: each kind has a ring, as cameras have their sizes."""

from __future__ import annotations

from pathlib import Path

from edgecore.errors import EngineError
from edgecore.frame import Frame, FrameKind
from edgecore.ring import Producer

from .wire import KEPT_RINGS

SLOTS = 3
"""One for the frame asked about, one that a child just killed may hold, one to write into."""


class Rings:
    """Makes them in a folder.

    Args:
        folder: empty; whoever may enter it may read the frames.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        self._kept: dict[FrameKind, tuple[Producer, int]] = {}  # used last: last

    def share(self, frame: Frame) -> tuple[str, int]:
        """The path of a ring in which this frame is the newest, and the frame's number there.

        Raises:
            EngineError: all slots are held.
        """
        kind = frame.kind
        ring, number = self._kept.pop(kind) if kind in self._kept else (self._make(kind), 0)
        number += 1  # the ring numbers the frames that find no slot, too
        self._kept[kind] = ring, number
        if not ring.publish(frame):
            raise EngineError("the engine's process holds all frames that it was given")
        return ring.path, number

    def close(self) -> None:
        """Let go of all; a second call does nothing."""
        for ring, _ in list(self._kept.values()):
            ring.close()
        self._kept.clear()

    def _make(self, kind: FrameKind) -> Producer:
        if len(self._kept) == KEPT_RINGS:
            self._kept.pop(next(iter(self._kept)))[0].close()
        self._made += 1
        format, color, width, height = kind
        path = self._folder / f"{self._made}"
        return Producer(path, width, height, format, color=color, slots=SLOTS)
