"""Telemetry as numpy arrays."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from firmware_bridge._carrier import Inbox
from firmware_bridge.clock import Clock
from firmware_bridge.schema import DEVICE_TIME, HOST_TIME, MessageInfo, Schema
from firmware_bridge.stream import Stream

Records = npt.NDArray[np.void]


class _Run(NamedTuple):
    """Frames of one layout, as the link's thread kept them."""

    info: MessageInfo
    bodies: bytes
    lengths: npt.NDArray[np.uint16]
    t_us: npt.NDArray[np.int64]


class Subscription(Stream[Records]):
    """Batches of one message's records, in order of arrival.

    Iterating waits for the next batch, also with `async for`, and ends when the link is closed; it
    goes on across reconnects. At most `frames` frames are kept, of which the oldest go first and
    are counted.

    Attributes:
        name: the message.
    """

    def __init__(self, name: str, inbox: Inbox, clock: Clock) -> None:
        super().__init__(inbox)
        self.name = name
        self._clock = clock
        self._layouts: dict[int, MessageInfo] = {}
        self._runs: deque[_Run] = deque()
        self._taking = threading.Lock()

    def bind(self, schema: Schema) -> None:
        """What comes from now on was sent under this table of messages."""
        info = schema.by_name.get(self.name)
        if info is None or info.size == 0:
            self._inbox.bind(-1, schema.hash)
            return
        self._layouts[schema.hash] = info
        self._inbox.bind(info.type, schema.hash)

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
                for epoch, _, bodies, lengths, t_us in self._inbox.take():
                    self._runs.append(_Run(self._layouts[epoch], bodies, lengths, t_us))
            if not self._runs:  # another thread was quicker
                return None
            run = self._runs.popleft()
        return _records(run, self._clock)


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
