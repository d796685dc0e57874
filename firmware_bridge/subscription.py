"""Telemetry as numpy arrays."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from firmware_bridge._carrier import Carrier, Inbox
from firmware_bridge.clock import Clock
from firmware_bridge.schema import DEVICE_TIME, HOST_TIME, MessageInfo, Schema

Records = npt.NDArray[np.void]


_log = logging.getLogger("firmware_bridge")


class _Run(NamedTuple):
    """Frames of one layout, as the link's thread kept them."""

    info: MessageInfo
    bodies: bytes
    lengths: npt.NDArray[np.uint16]
    t_us: npt.NDArray[np.int64]


class Subscription:
    """Batches of one message's records, in order of arrival.

    Iterating waits for the next batch, also with `async for`, and ends when the link is closed; it
    goes on across reconnects. At most `frames` frames are kept, of which the oldest go first and
    are counted.

    Attributes:
        name: the message.
    """

    def __init__(self, name: str, inbox: Inbox, clock: Clock) -> None:
        self.name = name
        self._inbox = inbox
        self._clock = clock
        self._layouts: dict[int, MessageInfo] = {}
        self._runs: deque[_Run] = deque()
        self._taking = threading.Lock()
        self._ready_fd = -1

    def bind(self, schema: Schema) -> None:
        """What comes from now on was sent under this table of messages."""
        info = schema.by_name.get(self.name)
        if info is None or info.size == 0:
            self._inbox.bind(-1, schema.hash)
            return
        self._layouts[schema.hash] = info
        self._inbox.bind(info.type, schema.hash)

    @property
    def dropped(self) -> int:
        """Frames that went because nobody took them in time."""
        return self._inbox.dropped

    def read(self, timeout: float | None = 0.0) -> Records | None:
        """All records that came since the last call, or None.

        Args:
            timeout: how long to wait for the first one, s; None: until one comes or the link is
                closed.

        Returns:
            (n,) structured, n >= 1: the message's fields and int64 `t_ns`, CLOCK_MONOTONIC ns of
            the record's own `t_us`, or of its arrival when it has none or the clocks are not
            compared yet. None: no record in time, or closed and empty.
        """
        if not self._runs and not self._inbox.wait(timeout):
            return None
        with self._taking:
            if not self._runs:
                for epoch, bodies, lengths, t_us in self._inbox.take():
                    self._runs.append(_Run(self._layouts[epoch], bodies, lengths, t_us))
            if not self._runs:  # another thread was quicker
                return None
            run = self._runs.popleft()
        return _records(run, self._clock)

    def close(self) -> None:
        """Ends it; what was kept can still be read."""
        self._inbox.close()

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._inbox.closed

    def __iter__(self) -> Subscription:
        return self

    def __next__(self) -> Records:
        while True:
            records = self.read(timeout=None)
            if records is not None:
                return records
            if self.closed:
                raise StopIteration

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Records:
        while True:
            records = self.read()
            if records is not None:
                return records
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

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Subscriptions:
    """All subscriptions of a link that somebody still holds."""

    def __init__(self, carrier: Carrier, clock: Clock) -> None:
        self._carrier = carrier
        self._clock = clock
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._callbacks: dict[int, tuple[Subscription, Callable[[Records], object]]] = {}
        self._number = 0
        self._closed = False

    def add(
        self,
        name: str,
        frames: int,
        schema: Schema,
        callback: Callable[[Records], object] | None = None,
    ) -> Subscription:
        """One more; one that is closed already when the link is."""
        if frames < 1:
            raise ValueError(f"frames must be at least 1, got {frames}")
        with self._lock:
            self._number += 1
            inbox = Inbox(self._carrier, frames, self._number, notes=callback is not None)
            made = Subscription(name, inbox, self._clock)
            ended = [n for n, (each, _) in self._callbacks.items() if each.closed]
            for number in ended:
                del self._callbacks[number]
            if callback is not None:
                self._callbacks[self._number] = (made, callback)
            self._open.add(made)
            made.bind(schema)
            if self._closed:
                made.close()
        return made

    def bind(self, schema: Schema) -> None:
        """The device's table of messages is this one."""
        with self._lock:
            for each in self._open:
                each.bind(schema)
        self._carrier.know_table(schema.hash)

    def call_back(self, number: int) -> None:
        """The inbox of this number has frames for its callback; called by the link's thread."""
        known = self._callbacks.get(number)
        while known is not None:
            subscription, callback = known
            records = subscription.read()
            if records is None:
                return
            try:
                callback(records)
            except Exception:
                _log.exception("callback of a subscription to %s failed", subscription.name)

    def close(self) -> None:
        """Closes all, and those still to come."""
        with self._lock:
            self._closed = True
            for each in self._open:
                each.close()


def _records(run: _Run, clock: Clock) -> Records:
    info, bodies, lengths, arrivals_us = run
    counts = np.maximum(lengths // info.size, 1)
    if (lengths != counts * info.size).any():
        bodies = _whole_records(run)
    raw = np.frombuffer(bodies, dtype=info.dtype)
    names = [*info.dtype.names, HOST_TIME] if info.dtype.names else [HOST_TIME]
    dtype = np.dtype([(name, info.dtype[name]) for name in names[:-1]] + [(HOST_TIME, np.int64)])
    records = np.empty(len(raw), dtype=dtype)
    for name in names[:-1]:
        records[name] = raw[name]
    offset_ns = clock.offset_ns
    if DEVICE_TIME in names and offset_ns is not None:
        records[HOST_TIME] = raw[DEVICE_TIME].astype(np.int64) * 1000 - offset_ns
    else:
        records[HOST_TIME] = np.repeat(arrivals_us * 1000, counts)
    return records


def _whole_records(run: _Run) -> bytes:
    """A shorter record leaves later fields zero; what is over a number of whole ones is cut."""
    size = run.info.size
    pieces = []
    at = 0
    for length in run.lengths.tolist():
        body = run.bodies[at : at + length]
        at += length
        pieces.append(body.ljust(size, b"\0") if length < size else body[: length // size * size])
    return b"".join(pieces)
