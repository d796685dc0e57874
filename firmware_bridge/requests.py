"""Requests that wait for their RESULT, and those that wait for room to be sent."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from firmware_bridge._carrier import UNENDED, Carrier, Listener, Waiter
from firmware_bridge.errors import (
    BridgeError,
    BridgeTimeoutError,
    LinkBusyError,
    LinkClosedError,
    RefusedError,
    UnknownOutcomeError,
)
from firmware_bridge.events import Event, Outcome, Resolved, Status

if TYPE_CHECKING:
    from firmware_bridge.answers import Answers

Bytes2D = npt.NDArray[np.uint8]
BACKLOG = 1024
_TOKENS = 0x7FFFFFFF
_DONE = int(Outcome.DONE)  # most requests end so, and enums are slow to compare


class Result(NamedTuple):
    """The device's answer to a request that it executed."""

    payload: bytes
    elapsed_ns: int
    """From `request` or `submit` to the answer's arrival, ns."""


class Outcomes(NamedTuple):
    """How many requests of one kind ended, in their order."""

    outcome: npt.NDArray[np.uint8]
    """(n,), each an `Outcome`; 0: done."""
    status: npt.NDArray[np.uint8]
    """(n,), each a `Status` or the application's own; 0: done."""


@dataclass(slots=True)
class _Waiting:
    name: str
    channel: int
    type: int
    payload: bytes
    timeout_s: float | None
    started_ns: int
    future: Future[Result]

    def left_ms(self, now_ns: int) -> int | None:
        """What is left of the deadline, ms, at least 0; None: there is no deadline."""
        if self.timeout_s is None:
            return None
        spent_s = (now_ns - self.started_ns) / 1e9
        return max(0, round((self.timeout_s - spent_s) * 1000))


class Requests:
    """Gives every request to the session as its window has room, and its outcome to its future."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._lock = threading.Lock()
        self._token = 0
        self._sent: dict[int, _Waiting] = {}
        self._backlog: deque[_Waiting] = deque()
        self._closed: BridgeError | None = None

    def submit(
        self, name: str, channel: int, type: int, payload: bytes, timeout_s: float | None
    ) -> Future[Result]:
        """Queues a request.

        Raises:
            ValueError: timeout below 0 or over 49 days, or a payload that is too long.
            LinkBusyError: BACKLOG requests wait already.
            LinkClosedError: the link was closed.
        """
        _check_timeout(timeout_s)
        waiting = _Waiting(name, channel, type, payload, timeout_s, time.monotonic_ns(), Future())
        waiting.future.set_running_or_notify_cancel()
        with self._lock:
            if self._closed is not None:
                raise self._closed
            if len(self._backlog) >= BACKLOG:
                raise LinkBusyError(f"{name}: {BACKLOG} requests wait for room already")
            if self._backlog or not self._start(waiting):
                self._backlog.append(waiting)
        return waiting.future

    def ask(
        self, name: str, channel: int, type: int, payload: bytes, timeout_s: float | None
    ) -> Result:
        """The device's answer: as `submit`, but the answer finds the caller by the shortest way.

        Raises:
            as `submit`, and BridgeError: how the request ended, if not well.
        """
        waiter = self._ask(channel, type, payload, timeout_s)
        if waiter is None:  # no room: it waits its turn behind the others
            return self.submit(name, channel, type, payload, timeout_s).result()
        return self._answer(name, timeout_s, waiter.wait())

    async def ask_async(
        self,
        name: str,
        channel: int,
        type: int,
        payload: bytes,
        timeout_s: float | None,
        answers: Answers,
    ) -> Result:
        """As `ask`, in the event loop that `answers` belongs to."""
        waiter = self._ask(channel, type, payload, timeout_s, answers.listener)
        if waiter is None:
            import asyncio  # only those who use it pay for its import

            return await asyncio.wrap_future(self.submit(name, channel, type, payload, timeout_s))
        await answers.wait(waiter)
        return self._answer(name, timeout_s, waiter.wait())

    def _ask(
        self,
        channel: int,
        type: int,
        payload: bytes,
        timeout_s: float | None,
        listener: Listener | None = None,
    ) -> Waiter | None:
        """Sends it at once; None: there is no room, or others wait for it already."""
        _check_timeout(timeout_s)
        with self._lock:
            if self._closed is not None:
                raise self._closed
            if self._backlog:
                return None
            timeout_ms = None if timeout_s is None else round(timeout_s * 1000)
            return self._carrier.ask(channel, type, payload, timeout_ms, listener)

    def _answer(
        self, name: str, timeout_s: float | None, answered: tuple[Event, int] | None
    ) -> Result:
        if self._backlog:
            self._carrier.wake()  # there is room for one more
        if answered is None:
            raise self._closed or LinkClosedError(f"{name}: the link was closed")
        event, elapsed_ns = answered
        assert isinstance(event, Resolved)
        error = _error_of(name, timeout_s, event)
        if error is not None:
            raise error
        return Result(event.payload, elapsed_ns)

    def ask_many(
        self, name: str, channel: int, type: int, records: Bytes2D, timeout_s: float | None
    ) -> Outcomes:
        """The ends of all of them; see `Link.request_many`."""
        _check_timeout(timeout_s)
        with self._lock:
            if self._closed is not None:
                raise self._closed
        timeout_ms = None if timeout_s is None else round(timeout_s * 1000)
        ended = self._carrier.ask_many(channel, type, records, timeout_ms)
        if ended is None:
            raise LinkBusyError(f"{name}: another request_many of this link is under way")
        outcomes, statuses = ended
        if (outcomes == UNENDED).any():
            raise self._closed or LinkClosedError(f"{name}: the link was closed")
        return Outcomes(outcomes, statuses)

    def _start(self, waiting: _Waiting) -> bool:
        # Under the lock the outcome cannot be taken from the mail before it is known here.
        accepted = self._carrier.request(
            waiting.channel,
            waiting.type,
            waiting.payload,
            waiting.left_ms(time.monotonic_ns()),
            self._token,
        )
        if accepted:
            self._sent[self._token] = waiting
            self._token = (self._token + 1) & _TOKENS
        return accepted

    def pump(self) -> None:
        """Starts what has room now; ends what waited too long."""
        now_ns = time.monotonic_ns()
        ended: list[tuple[_Waiting, BridgeError | ValueError]] = []
        left = deque[_Waiting]()
        with self._lock:
            if not self._backlog:
                return
            for waiting in self._backlog:
                if waiting.left_ms(now_ns) == 0:
                    ended.append((waiting, _not_sent(waiting.name, waiting.timeout_s)))
                    continue
                try:
                    if left or not self._start(waiting):
                        left.append(waiting)
                except ValueError as error:  # another device came meanwhile, which holds less
                    ended.append((waiting, error))
            self._backlog = left
        for waiting, reason in ended:
            waiting.future.set_exception(reason)

    def resolved(self, event: Resolved) -> None:
        """Ends the request of this token."""
        with self._lock:
            waiting = self._sent.pop(event.token, None)
        if waiting is None:
            return
        error = _error_of(waiting.name, waiting.timeout_s, event)
        if error is not None:
            waiting.future.set_exception(error)
        else:
            elapsed_ns = time.monotonic_ns() - waiting.started_ns
            waiting.future.set_result(Result(event.payload, elapsed_ns))

    def close(self, error: BridgeError) -> None:
        """Ends all of them with `error`, and those still to come."""
        with self._lock:
            self._closed = error
            left = [*self._sent.values(), *self._backlog]
            self._sent.clear()
            self._backlog.clear()
        self._carrier.end_waiters()
        for waiting in left:
            waiting.future.set_exception(error)


def _check_timeout(timeout_s: float | None) -> None:
    if timeout_s is not None and not 0 <= timeout_s <= 4_000_000:
        raise ValueError(f"timeout must be in 0..4000000 s, got {timeout_s}")


def _not_sent(name: str, timeout_s: float | None) -> BridgeTimeoutError:
    return BridgeTimeoutError(
        f"{name}: not sent within {timeout_s} s; it will not run", may_run=False
    )


def _error_of(name: str, timeout_s: float | None, event: Resolved) -> BridgeError | None:
    if event.outcome == _DONE:
        return None
    if event.outcome == Outcome.REFUSED:
        known = event.status in Status.__members__.values()
        why = Status(event.status).name.lower().replace("_", " ") if known else "own status"
        return RefusedError(
            f"{name}: refused by the device, status {event.status} ({why})", status=event.status
        )
    if event.outcome == Outcome.UNKNOWN:
        return UnknownOutcomeError(
            f"{name}: the device was reset after it was sent; it ran or it did not"
        )
    if event.outcome == Outcome.NOT_SENT:
        return _not_sent(name, timeout_s)
    assert event.outcome == Outcome.TIMED_OUT, event
    return BridgeTimeoutError(
        f"{name}: no result within {timeout_s} s; it may still run", may_run=True
    )
