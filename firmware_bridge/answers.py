"""Answers on their way to coroutines."""

from __future__ import annotations

import asyncio

from firmware_bridge._carrier import Carrier, Listener, Waiter


class Answers:
    """Wakes the coroutines of one event loop when they are answered."""

    def __init__(self, loop: asyncio.AbstractEventLoop, carrier: Carrier) -> None:
        self.listener = Listener(carrier)
        self._pending: dict[asyncio.Future[None], Waiter] = {}
        loop.add_reader(self.listener.fd, self._take)

    async def wait(self, waiter: Waiter) -> None:
        """Returns when the waiter, made with `listener`, is answered."""
        future = asyncio.get_running_loop().create_future()
        self._pending[future] = waiter
        self._give(future, waiter)
        try:
            await future
        finally:
            self._pending.pop(future, None)

    def _take(self) -> None:
        self.listener.take()
        for future, waiter in list(self._pending.items()):
            self._give(future, waiter)

    def _give(self, future: asyncio.Future[None], waiter: Waiter) -> None:
        if waiter.answered and not future.done():
            future.set_result(None)
