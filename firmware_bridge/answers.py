"""Answers on their way to coroutines."""

from __future__ import annotations

import asyncio
import os
import weakref

from firmware_bridge._carrier import Waiter


class Answers:
    """Wakes the coroutines of one event loop by one eventfd, which the link's thread writes to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self.fd)
        self._pending: dict[asyncio.Future[None], Waiter] = {}
        loop.add_reader(self.fd, self._take)

    async def wait(self, waiter: Waiter) -> None:
        """Returns when the waiter, made with `fd`, is answered."""
        future = asyncio.get_running_loop().create_future()
        self._pending[future] = waiter
        self._give(future, waiter)
        try:
            await future
        finally:
            self._pending.pop(future, None)

    def _take(self) -> None:
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return
        for future, waiter in list(self._pending.items()):
            self._give(future, waiter)

    def _give(self, future: asyncio.Future[None], waiter: Waiter) -> None:
        if waiter.answered and not future.done():
            future.set_result(None)
