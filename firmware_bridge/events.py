"""What a session reports: one small class per kind of event.

Those without fields are no tuples: all empty tuples are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class Outcome(IntEnum):
    """How a request ended."""

    DONE = 0
    """The device executed it and said so."""
    REFUSED = 1
    """The device did not execute it, and said why by a status."""
    UNKNOWN = 2
    """It was sent, then the device was reset: it ran or it did not."""
    NOT_SENT = 3
    """Its time was up before it could be sent: it never runs."""
    TIMED_OUT = 4
    """It was sent and no result came in time: it may still run."""


class Status(IntEnum):
    """Status byte of a RESULT; 16 and up are the application's own."""

    DONE = 0
    LATE = 1
    BAD_ARGUMENT = 2
    UNKNOWN_TYPE = 3
    BUSY = 4
    UNAUTHENTICATED = 5
    """It is only for a host that proves the key of the device."""


class Opened(NamedTuple):
    """Both sides agreed. `reset`: the peer is not the boot that was known before."""

    reset: bool


@dataclass(frozen=True)
class Silent:
    """The session is over: the peer fell silent, was reset, or the line was reopened."""


@dataclass(frozen=True)
class Incompatible:
    """The peer speaks no protocol version that this side speaks."""


@dataclass(frozen=True)
class Unauthenticated:
    """No session can open: the device has no key, another, or requires one that is not here."""


class Requested(NamedTuple):
    """The peer asks; answer with `Session.result(handle, ...)` exactly once."""

    handle: int
    channel: int
    type: int
    payload: bytes
    deadline_us: int | None


class Resolved(NamedTuple):
    """A request of ours ended."""

    token: int
    outcome: int
    status: int
    payload: bytes


class Received(NamedTuple):
    """Best-effort data; `gap` frames of its channel went missing just before."""

    channel: int
    type: int
    payload: bytes
    gap: int
    t_us: int


class Stamps(NamedTuple):
    """A clock exchange, us: ours sent, peer received, peer sent, ours received."""

    t1: int
    t2: int
    t3: int
    t4: int


class Ready(NamedTuple):
    """The inbox of this number has frames for its callback."""

    inbox: int


@dataclass(frozen=True)
class LeaseHeld:
    """The peer's application is alive."""


@dataclass(frozen=True)
class LeaseLost:
    """The peer's application stopped renewing its lease."""


Event = (
    Opened
    | Silent
    | Incompatible
    | Unauthenticated
    | Requested
    | Resolved
    | Received
    | Stamps
    | Ready
    | LeaseHeld
    | LeaseLost
)
