"""A reader's end of a ring, as a source: frames lie in the producer's memory and are not copied."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from edgecore import _ring
from edgecore.errors import SourceError
from edgecore.frame import Frame
from edgecore.sources.source import Source

from .layout import packed

if TYPE_CHECKING:
    from typing import TypeAlias

    from edgecore.frame import ColorSpace, PixelFormat

    # Width, height, format, colour space; first and last byte and stride of each plane, None where
    # they are packed.
    Layout: TypeAlias = tuple[
        int, int, PixelFormat, ColorSpace, list[tuple[int, int]] | None, list[int] | None
    ]

SLICE_US = 50_000
LONGEST_TIMEOUT_S = 3600.0


class Consumer(Source):
    """The newest frame of a ring, again and again, until its producer is gone.

    A frame holds its slot: the producer does not write there until the frame and everything made
    from its planes without copying are gone, so what is read never changes. Frames stay readable
    after `close`, and after the producer's death. `edgecore.sources.open("ring:PATH")` is the same
    across the producer's restarts.

    One thread or task at a time reads; any thread may close.

    Args:
        path: of the producer's socket.
        max_held: slots that frames may hold at a time, so that one who keeps frames does not keep
            the producer from all of them; while that many are held, further frames are copied.
        timeout_s: for the producer to answer.

    Attributes:
        sequence: of the frame handed out last; the producer counts those it dropped, too.
        buffer: the descriptor that frame's pixels lie in, where the producer shares buffers, else
            None; it belongs to the connection: duplicate it to keep it.

    Raises:
        ValueError: an argument out of range.
        SourceError: no producer there, or it does not serve this user, or has no place left.
    """

    live = True

    def __init__(self, path: str | Path, *, max_held: int = 4, timeout_s: float = 5.0) -> None:
        super().__init__()
        if max_held < 1:
            raise ValueError(f"max_held must be at least 1, got {max_held}")
        if not 0 <= timeout_s <= LONGEST_TIMEOUT_S:
            raise ValueError(f"timeout_s must be 0 to {LONGEST_TIMEOUT_S}, got {timeout_s}")
        self.path = str(path)
        self.description = f"ring {self.path}"
        self.sequence = 0
        self.buffer: int | None = None
        self._max_held = max_held
        self._stop_waiting: Callable[[], object] | None = None
        self._picture: _ring.Picture | None = None
        self._layout: Layout
        try:
            self._connection: _ring.Consumer | None = _ring.Consumer(
                self.path, int(timeout_s * 1e6)
            )
        except OSError as error:
            raise self._failure(error) from None

    @property
    def ended(self) -> bool:
        """Whether the producer is gone, or this was closed: there are no more frames."""
        return self._connection is None

    def read(self, timeout: float | None = None) -> Frame | None:
        """The newest frame that was not handed out yet, after waiting for it up to `timeout` s.

        None: there was none in time, or this has ended.

        Raises:
            SourceError: the producer describes a frame that cannot be.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while (connection := self._connection) is not None:
            left = None
            if until is not None:
                left = min(max(0.0, until - time.monotonic()), LONGEST_TIMEOUT_S)
            try:
                lease = connection.take_in_time(SLICE_US if left is None else int(left * 1e6))
            except OSError as error:
                self._end(error)
                break
            if lease is not None:
                return self._frame(lease, connection.held)
            if left == 0.0:
                break
        return None

    async def read_async(self) -> Frame | None:
        """The same for an event loop, however long it takes; None: this has ended.

        Raises:
            SourceError: as `read`.
        """
        while (connection := self._connection) is not None:
            try:
                lease = connection.take()
                if lease is None and connection.arm():
                    await self._readable(connection.fileno())
                    connection.drain()
            except OSError as error:
                self._end(error)
                break
            if lease is not None:
                return self._frame(lease, connection.held)
        return None

    def __next__(self) -> Frame:
        frame = self.read()
        if frame is None:
            raise StopIteration
        return frame

    def __aiter__(self) -> Consumer:
        return self

    async def __anext__(self) -> Frame:
        frame = await self.read_async()
        if frame is None:
            raise StopAsyncIteration
        return frame

    def interrupt(self) -> None:
        """As `close`."""
        self.close()

    def close(self) -> None:
        """End the iteration, also of a thread or task that waits. Frames keep what they hold."""
        self._connection = None
        stop = self._stop_waiting
        if stop is not None:
            stop()

    def _end(self, error: OSError) -> None:
        """The producer is gone, which ends the frames, or is not to be believed."""
        self.close()
        if error.errno != errno.EPIPE:
            raise self._failure(error) from None

    async def _readable(self, fd: int) -> None:
        import asyncio  # only those who use it pay for its import

        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        self._stop_waiting = lambda: loop.call_soon_threadsafe(woken.set)
        loop.add_reader(fd, woken.set)
        try:
            if not self.ended:
                await woken.wait()
        finally:
            loop.remove_reader(fd)
            self._stop_waiting = None

    def _frame(self, lease: _ring.Lease, held: int) -> Frame:
        if lease.picture is not self._picture:
            self._layout, self._picture = self._layout_of(lease.picture), lease.picture
        width, height, format, color, planes, strides = self._layout
        memory = np.frombuffer(lease.memory, np.uint8)
        if held > self._max_held:
            self.note(f"frames are copied while {self._max_held} others are kept")
            memory = memory.copy()
        data = memory if planes is None else tuple(memory[start:end] for start, end in planes)
        try:
            frame = Frame(data, width, height, format, strides, color, lease.timestamp_ns)
        except (TypeError, ValueError) as error:
            raise self._impossible(error) from None
        if self.sequence:
            self.dropped += lease.sequence - self.sequence - 1
        self.sequence, self.buffer = lease.sequence, lease.buffer
        self.label = f"{self.path}#{lease.sequence}"
        return frame

    def _layout_of(self, picture: _ring.Picture) -> Layout:
        """How to make frames of such pictures; what a producer says is checked by Frame."""
        width, height = picture.size
        format, color = cast("PixelFormat", picture.format), cast("ColorSpace", picture.color)
        planes = picture.planes
        try:
            if planes == packed(format, width, height):
                return width, height, format, color, None, None
        except ValueError as error:
            raise self._impossible(error) from None
        parts = [(offset, offset + length) for offset, _, length in planes]
        return width, height, format, color, parts, [stride for _, stride, _ in planes]

    def _impossible(self, error: Exception) -> SourceError:
        self.close()
        return SourceError(f"{self.path}: the producer's frame cannot be: {error}")

    def _failure(self, error: OSError) -> SourceError:
        reasons = {
            errno.ENOENT: "no such socket: expected a producer of frames there",
            errno.ECONNREFUSED: "no producer there: the socket is one that a dead one left",
            errno.ECONNRESET: "the producer went away",
            errno.EPIPE: "the producer went away",
            errno.EACCES: "the producer does not serve this user",
            errno.EUSERS: f"the producer has {_ring.READERS_MAX} readers already, and no place",
            errno.EAGAIN: "the producer did not answer in time",
            errno.EPROTOTYPE: "expected a producer of frames, got a socket of another kind",
            errno.EPROTO: "expected a producer of frames, got something else",
            errno.EPERM: "the producer's memory could be shortened under us, or is too short",
            errno.ENAMETOOLONG: "expected a path of at most 107 bytes",
        }
        return SourceError(
            f"{self.path}: {reasons.get(error.errno or 0, error.strerror or str(error))}"
        )
