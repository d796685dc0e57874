"""Telemetry as numpy arrays."""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from firmware_bridge.clock import Clock
from firmware_bridge.events import Received
from firmware_bridge.schema import DEVICE_TIME, HOST_TIME, MessageInfo, Schema

Records = npt.NDArray[np.void]


class _Kept(NamedTuple):
    info: MessageInfo
    payload: bytes
    t_us: int


class Subscription:
    """Batches of one message's records, in order of arrival.

    Iterating waits for the next batch and ends when the link is closed; it goes on across
    reconnects. At most `frames` frames are kept, of which the oldest go first and are counted.

    Attributes:
        name: the message.
        dropped: frames that went because nobody took them in time.
    """

    def __init__(self, name: str, clock: Clock, frames: int = 4096) -> None:
        if frames < 1:
            raise ValueError(f"frames must be at least 1, got {frames}")
        self.name = name
        self.dropped = 0
        self._clock = clock
        self._frames = frames
        self._kept: deque[_Kept] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, info: MessageInfo, event: Received) -> None:
        """Keeps a frame; called by the link's thread."""
        with self._changed:
            if self._closed:
                return
            if len(self._kept) >= self._frames:
                self._kept.popleft()
                self.dropped += 1
            self._kept.append(_Kept(info, event.payload, event.t_us))
            self._changed.notify_all()

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
        until = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._kept and not self._closed:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._changed.wait(left)
            taken = self._take()
        return _records(taken, self._clock) if taken else None

    def _take(self) -> list[_Kept]:
        """All frames of the first one's layout."""
        taken: list[_Kept] = []
        while self._kept and (not taken or self._kept[0].info is taken[0].info):
            taken.append(self._kept.popleft())
        return taken

    def close(self) -> None:
        """Ends it; what was kept can still be read."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    def __iter__(self) -> Subscription:
        return self

    def __next__(self) -> Records:
        records = self.read(timeout=None)
        if records is None:
            raise StopIteration
        return records

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
    """All subscriptions of a link, by message."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, list[Subscription]] = {}
        self._dropped = 0
        self._closed = False

    def add(self, name: str, frames: int) -> Subscription:
        """One more; one that is closed already when the link is."""
        made = Subscription(name, self._clock, frames)
        with self._lock:
            if self._closed:
                made.close()
            else:
                self._open.setdefault(name, []).append(made)
        return made

    def deliver(self, schema: Schema, event: Received) -> None:
        """Gives a frame to everyone who subscribed to its message, and forgets who closed."""
        info = schema.by_type.get(event.type)
        if info is None or info.size == 0:
            return
        with self._lock:
            takers = list(self._open.get(info.name, ()))
        for taker in takers:
            taker.put(info, event)
            if taker.closed:
                with self._lock:
                    self._open[info.name].remove(taker)
                    self._dropped += taker.dropped

    @property
    def undelivered(self) -> int:
        """Frames that subscriptions dropped, those closed since included."""
        with self._lock:
            return self._dropped + sum(each.dropped for each in self._all())

    def _all(self) -> list[Subscription]:
        return [each for group in self._open.values() for each in group]

    def close(self) -> None:
        """Closes all, and those still to come."""
        with self._lock:
            self._closed = True
            left = self._all()
        for each in left:
            each.close()


def _records(taken: list[_Kept], clock: Clock) -> Records:
    info = taken[0].info
    # A shorter record leaves later fields zero; what is over a whole number of records is cut.
    payloads = [
        kept.payload.ljust(info.size, b"\0")
        if len(kept.payload) < info.size
        else kept.payload[: len(kept.payload) // info.size * info.size]
        for kept in taken
    ]
    raw = np.frombuffer(b"".join(payloads), dtype=info.dtype)
    names = [*info.dtype.names, HOST_TIME] if info.dtype.names else [HOST_TIME]
    dtype = np.dtype([(name, info.dtype[name]) for name in names[:-1]] + [(HOST_TIME, np.int64)])
    records = np.empty(len(raw), dtype=dtype)
    for name in names[:-1]:
        records[name] = raw[name]
    offset_ns = clock.offset_ns
    if DEVICE_TIME in names and offset_ns is not None:
        records[HOST_TIME] = raw[DEVICE_TIME].astype(np.int64) * 1000 - offset_ns
    else:
        arrivals = [kept.t_us * 1000 for kept in taken]
        counts = [len(payload) // info.size for payload in payloads]
        records[HOST_TIME] = np.repeat(np.asarray(arrivals, np.int64), counts)
    return records
