"""The camera's end of a ring: frames are written in place and shown to up to 64 readers."""

from __future__ import annotations

import errno
import os
import select
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgecore import _ring
from edgecore.errors import SourceError
from edgecore.frame import ColorSpace, Frame, PixelFormat

from .layout import bytes_of, packed, planes_in


class Producer:
    """Shares frames of one kind under a socket's path.

    Readers that connect get the frames' memory, to read only; a thread of the producer's welcomes
    them and forgets those that are gone. No reader can make it wait, whatever it does.

    Args:
        path: of the Unix socket, at most 107 bytes. One that a killed producer left is replaced.
        width, height, format, strides, color: of the frames, as of edgecore.Frame.
        slots: frames that there is room for, 2 to 64. Each reader that holds one frame while it
            waits for the next keeps one or two of them, so readers + 2 never runs out.
        uids: users that may read, beside the one this process runs as; at most 16.
        buffers: descriptors that the frames' pixels shall lie in, one for each slot, such as the
            dma-bufs of a capture device or sealed memfds; they stay the caller's. None of them:
            memory of the ring's own.

    Attributes:
        path: as given.

    Raises:
        ValueError: an argument out of range.
        SourceError: the socket or the memory cannot be had; the text says why.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        format: PixelFormat = "nv12",
        *,
        strides: int | Sequence[int] | None = None,
        color: ColorSpace = "bt601-limited",
        slots: int = 8,
        uids: Sequence[int] = (),
        buffers: Sequence[int] = (),
    ) -> None:
        if not 2 <= slots <= _ring.SLOTS_MAX:
            raise ValueError(f"slots must be 2 to {_ring.SLOTS_MAX}, got {slots}")
        if len(uids) > _ring.UIDS_MAX:
            raise ValueError(f"uids must be at most {_ring.UIDS_MAX}, got {len(uids)}")
        self.path = str(path)
        # A frame like those to come, to learn from it where their planes lie; never touched.
        room = bytes_of(packed(format, width, height))
        if strides is not None:
            longest = max(strides, default=0) if isinstance(strides, Sequence) else strides
            room = max(room, longest * 3 * height)
        memory = np.empty(room, np.uint8)
        likeness = Frame(memory, width, height, format, strides, color)
        self._kind = likeness.kind
        self._strides = strides
        planes = planes_in(likeness, memory)
        self._picture = _ring.Picture(width, height, format, color, planes)
        try:
            self._ring = _ring.Producer(self.path, slots, bytes_of(planes), uids, buffers)
        except OSError as error:
            raise SourceError(f"{self.path}: {_reason(error)}") from None
        stopping = os.eventfd(0, os.EFD_CLOEXEC)
        thread = threading.Thread(
            target=_serve, args=(self._ring, stopping), name="edgecore-ring", daemon=True
        )
        thread.start()
        self._finish = weakref.finalize(self, _stop, self._ring, stopping, thread, os.getpid())

    def claim(self) -> Slot | None:
        """A slot to write the next frame into.

        None: readers hold all of them; the frame is dropped, and counted. Several may be claimed
        at a time, and published in any order, as capture devices fill their buffers.
        """
        claim = self._ring.claim()
        return None if claim is None else Slot(self, claim)

    def publish(self, frame: Frame) -> bool:
        """Copy a frame into a slot and show it to the readers; False: it was dropped.

        Raises:
            ValueError: it is not of this ring's format, colour space and size.
        """
        if frame.kind != self._kind:
            raise ValueError(f"expected frames of {self._kind}, got {frame.kind}")
        slot = self.claim()
        if slot is None:
            return False
        for place, plane in zip(slot.frame.planes, frame.planes, strict=True):
            place[...] = plane
        slot.publish(frame.timestamp_ns)
        return True

    @property
    def readers(self) -> int:
        """How many are connected."""
        return self._ring.readers

    @property
    def leased(self) -> int:
        """How many slots they hold."""
        return self._ring.leased

    @property
    def dropped(self) -> int:
        """Frames that found no slot."""
        return self._ring.dropped

    @property
    def refused(self) -> int:
        """Connections that were turned away."""
        return self._ring.refused

    def close(self) -> None:
        """Hang up on all readers and remove the socket; a second call does nothing."""
        self._finish()

    def __enter__(self) -> Producer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Slot:
    """A place for one frame, which is this producer's until it is published.

    Leaving a `with` block, or dropping every reference, gives an unpublished slot back.

    Attributes:
        index: of the slot, and of its descriptor among the producer's buffers.
        frame: an edgecore.Frame whose planes are to be written. They stay writable afterwards, but
            readers then look at them: a producer that writes on shows torn frames.
    """

    def __init__(self, producer: Producer, claim: _ring.Claim) -> None:
        format, color, width, height = producer._kind
        self._producer = producer
        self._claim = claim
        self.index = claim.slot
        self.frame = Frame(
            np.frombuffer(claim.memory, np.uint8), width, height, format, producer._strides, color
        )

    def publish(self, timestamp_ns: int | None = None) -> None:
        """Make it the newest frame.

        Args:
            timestamp_ns: of capture, CLOCK_MONOTONIC; None: now.

        Raises:
            ValueError: it was published or given back before, or the producer is closed.
        """
        if timestamp_ns is None:
            timestamp_ns = time.monotonic_ns()
        self._claim.publish(timestamp_ns, self._producer._picture)

    def abandon(self) -> None:
        """Give it back unpublished; nothing if it was published."""
        self._claim.abandon()

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()


def _serve(ring: _ring.Producer, stopping: int) -> None:
    poll = select.poll()
    poll.register(ring.fileno(), select.POLLIN)
    poll.register(stopping, select.POLLIN)
    while stopping not in dict(poll.poll()):
        ring.serve()
    os.close(stopping)


def _stop(ring: _ring.Producer, stopping: int, thread: threading.Thread, process: int) -> None:
    if process != os.getpid():
        return
    os.eventfd_write(stopping, 1)
    if thread is not threading.current_thread():  # the last reference may go anywhere
        thread.join()
    ring.close()


def _reason(error: OSError) -> str:
    """Why there is no ring, as one clause."""
    reasons = {
        errno.EADDRINUSE: "another producer serves this socket",
        errno.EEXIST: "expected a socket or nothing there, got something else",
        errno.ENAMETOOLONG: "expected a path of at most 107 bytes",
        errno.EPERM: "each buffer must be a dma-buf or a memfd sealed against shrinking, and hold "
        "a whole frame",
    }
    return reasons.get(error.errno or 0, f"no ring can be made here: {error.strerror}")
