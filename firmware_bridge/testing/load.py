"""Commands at a rhythm, and how long each took.

The rhythms are those of MLPerf's load generator (Reddi et al., "MLPerf Inference Benchmark", 2020,
section IV): one after the other, at a fixed rate, at random (Poisson), and several at once.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal, TypeAlias

from firmware_bridge.errors import BridgeError
from firmware_bridge.link import Link
from firmware_bridge.messages import Message
from firmware_bridge.requests import Result
from firmware_bridge.stamps import HostStamps, Stamps

Rhythm = Literal["fixed-rate", "poisson", "burst"]
PERCENTILES = (50, 95, 99)


Asked: TypeAlias = Message | Callable[[], Message]
"""A command, or what makes one when its time has come: a frame's inference, for one."""


def nearest_rank(values: Sequence[int], percent: float) -> int:
    """The least value that so many percent of them do not exceed.

    Args:
        values: by size.
        percent: in (0, 100].

    Raises:
        ValueError: no values, or percent out of range.
    """
    if not values:
        raise ValueError("expected at least one value, got none")
    if not 0 < percent <= 100:
        raise ValueError(f"percent must be in (0, 100], got {percent}")
    return values[math.ceil(percent * len(values) / 100) - 1]


@dataclass(frozen=True)
class Trip:
    """A command that was done; all times are CLOCK_MONOTONIC nanoseconds.

    Attributes:
        number: of the command, from 0, those that failed counted in.
        due_ns: when its time came.
        sent_ns: when it was given to the link; later where it was made first, or where those
            before it took longer.
        acknowledged_ns: when the device's answer was here.
        device: when the device received it and had done it; None: it does not tell.
    """

    number: int
    due_ns: int
    sent_ns: int
    acknowledged_ns: int
    device: HostStamps | None


@dataclass(frozen=True)
class LoadReport:
    """How long commands took.

    Attributes:
        trips: of those that were done, in the order of their numbers.
        failed: commands that were not done, whatever the reason.
        duration_s: from the first one's time to the last one's end.
    """

    trips: tuple[Trip, ...]
    failed: int
    duration_s: float

    @cached_property
    def latencies_ns(self) -> tuple[int, ...]:
        """By size, ns; from when each was due, so that a wait for those before it counts."""
        return tuple(sorted(trip.acknowledged_ns - trip.due_ns for trip in self.trips))

    def percentile_ms(self, percent: float) -> float:
        """The latency that so many percent of those done did not exceed (nearest rank), ms.

        Raises:
            ValueError: none was done, or percent outside (0, 100].
        """
        if not self.latencies_ns:
            raise ValueError("no command was done, so there is no latency")
        return nearest_rank(self.latencies_ns, percent) / 1e6

    def summary(self) -> dict[str, float]:
        """Counts and latencies by name, for JSON and for `record_property`."""
        told: dict[str, float] = {"done": len(self.latencies_ns), "failed": self.failed}
        told["duration_s"] = round(self.duration_s, 3)
        if self.latencies_ns:
            told |= {f"p{each}_ms": round(self.percentile_ms(each), 3) for each in PERCENTILES}
            told["max_ms"] = round(self.percentile_ms(100), 3)
        return told


def arrivals(
    rhythm: Rhythm, count: int, rate_hz: float, *, burst: int = 8, seed: int = 0
) -> list[float]:
    """When commands are due, s from the start, never falling.

    Args:
        rhythm: "fixed-rate", "poisson", or "burst".
        count: how many.
        rate_hz: how many a second on average.
        burst: how many come at once; of "burst" alone.
        seed: of "poisson".

    Raises:
        ValueError: an unknown rhythm, or a number not above zero.
    """
    for name, value in (("count", count), ("rate_hz", rate_hz), ("burst", burst)):
        if not value > 0:
            raise ValueError(f"{name} must be above zero, got {value}")
    if rhythm == "fixed-rate":
        return [number / rate_hz for number in range(count)]
    if rhythm == "burst":
        return [number // burst * burst / rate_hz for number in range(count)]
    if rhythm == "poisson":
        draw = random.Random(seed)
        due_s, at_s = [], 0.0
        for _ in range(count):
            due_s.append(at_s)
            at_s += draw.expovariate(rate_hz)
        return due_s
    raise ValueError(f"expected rhythm fixed-rate, poisson or burst, got {rhythm!r}")


def offer(
    link: Link, message: Asked, due_s: Sequence[float], *, timeout: float = 10.0
) -> LoadReport:
    """Sends a command at each of these times, whether those before are done or not.

    Args:
        link: open.
        message: the command, or what makes it, one after the other on this thread.
        due_s: as of `arrivals`.
        timeout: deadline of each, s.
    """
    begun_ns = time.monotonic_ns()
    ends: list[Future[Trip | None]] = []
    for number, offset_s in enumerate(due_s):
        due_ns = begun_ns + round(offset_s * 1e9)
        time.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
        command = message if isinstance(message, Message) else message()
        sent_ns = time.monotonic_ns()
        try:
            future = link.submit(command, timeout)
        except BridgeError:  # no room for more: the device is slower than the rhythm
            continue
        end: Future[Trip | None] = Future()
        ends.append(end)
        future.add_done_callback(partial(_settle, link, command, end, (number, due_ns, sent_ns)))
    trips = tuple(trip for end in ends if (trip := end.result()) is not None)
    return _report(trips, len(due_s), begun_ns)


def single_stream(link: Link, message: Asked, count: int, *, timeout: float = 10.0) -> LoadReport:
    """Sends so many commands, each when the one before is done.

    Raises:
        ValueError: count is not above zero.
    """
    if not count > 0:
        raise ValueError(f"count must be above zero, got {count}")
    begun_ns = time.monotonic_ns()
    trips = []
    for number in range(count):
        due_ns = time.monotonic_ns()
        command = message if isinstance(message, Message) else message()
        sent_ns = time.monotonic_ns()
        try:
            result = link.request(command, timeout)
        except BridgeError:
            continue
        trips.append(_trip(link, command, (number, due_ns, sent_ns), result))
    return _report(tuple(trips), count, begun_ns)


def _settle(
    link: Link,
    command: Message,
    end: Future[Trip | None],
    begun: tuple[int, int, int],
    future: Future[Result],
) -> None:
    failed = future.exception() is not None
    end.set_result(None if failed else _trip(link, command, begun, future.result()))


def _trip(link: Link, command: Message, begun: tuple[int, int, int], result: Result) -> Trip:
    """The device's times are put on the host's clock now: it may drift until all are done."""
    acknowledged_ns = time.monotonic_ns()
    stamps = Stamps.of(command, result)
    return Trip(*begun, acknowledged_ns, None if stamps is None else stamps.on_host(link.clock))


def _report(trips: tuple[Trip, ...], count: int, begun_ns: int) -> LoadReport:
    last_ns = max((trip.acknowledged_ns for trip in trips), default=begun_ns)
    return LoadReport(trips, count - len(trips), (last_ns - begun_ns) / 1e9)
