"""What comes over a link by itself, for whoever reads it, iterates over it or awaits it."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Generic, TypeVar

from firmware_bridge._carrier import Inbox

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")


class Stream(Generic[T]):
    """Things of one kind, in order of arrival, out of an inbox.

    Iterating waits for the next one, also with `async for`, and ends when the link is closed; it
    goes on across reconnects.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._ready_fd = -1

    def read(self, timeout: float | None = 0.0) -> T | None:
        """The next one, or None.

        Args:
            timeout: how long to wait for it, s; None: until one comes or the link is closed.
        """
        raise NotImplementedError

    @property
    def dropped(self) -> int:
        """Frames that went because nobody took them in time."""
        return self._inbox.dropped

    def close(self) -> None:
        """Ends it; what was kept can still be read."""
        self._inbox.close()

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._inbox.closed

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        while True:
            one = self.read(timeout=None)
            if one is not None:
                return one
            if self.closed:
                raise StopIteration

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while True:
            one = self.read()
            if one is not None:
                return one
            if self.closed:
                raise StopAsyncIteration
            await self._ready()

    async def _ready(self) -> None:
        """Returns when there is something to read, or nothing will come any more."""
        import asyncio  # only those who use it pay for its import

        if self._ready_fd < 0:
            self._ready_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            weakref.finalize(self, os.close, self._ready_fd)
            self._inbox.ready_by(self._ready_fd)
        if self._inbox.wait(0) or self.closed:
            return
        loop = asyncio.get_running_loop()
        came = asyncio.Event()
        loop.add_reader(self._ready_fd, came.set)
        try:
            await came.wait()
        finally:
            loop.remove_reader(self._ready_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
