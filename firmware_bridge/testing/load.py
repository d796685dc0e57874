"""Commands at a rhythm, and how long each took.

The rhythms are those of MLPerf's load generator (Reddi et al., "MLPerf Inference Benchmark", 2020,
section IV): one after the other, at a fixed rate, at random (Poisson), and several at once.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Literal

from firmware_bridge.errors import BridgeError
from firmware_bridge.link import Link
from firmware_bridge.messages import Message
from firmware_bridge.requests import Result

Rhythm = Literal["fixed-rate", "poisson", "burst"]
_PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class LoadReport:
    """How long commands took.

    Attributes:
        latencies_ns: of those that were done, by size, ns; from when each was due, so that a wait
            for those before it counts.
        failed: commands that were not done, whatever the reason.
        duration_s: from the first one's time to the last one's end.
    """

    latencies_ns: tuple[int, ...]
    failed: int
    duration_s: float

    def percentile_ms(self, percent: float) -> float:
        """The latency that so many percent of those done did not exceed (nearest rank), ms.

        Raises:
            ValueError: none was done, or percent outside (0, 100].
        """
        if not self.latencies_ns:
            raise ValueError("no command was done, so there is no latency")
        if not 0 < percent <= 100:
            raise ValueError(f"percent must be in (0, 100], got {percent}")
        rank = math.ceil(percent / 100 * len(self.latencies_ns))
        return self.latencies_ns[rank - 1] / 1e6

    def summary(self) -> dict[str, float]:
        """Counts and latencies by name, for JSON and for `record_property`."""
        told: dict[str, float] = {"done": len(self.latencies_ns), "failed": self.failed}
        told["duration_s"] = round(self.duration_s, 3)
        if self.latencies_ns:
            told |= {f"p{each}_ms": round(self.percentile_ms(each), 3) for each in _PERCENTILES}
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
    link: Link, message: Message, due_s: Sequence[float], *, timeout: float = 10.0
) -> LoadReport:
    """Sends a command at each of these times, whether those before are done or not.

    Args:
        link: open.
        message: the command.
        due_s: as of `arrivals`.
        timeout: deadline of each, s.
    """
    begun_ns = time.monotonic_ns()
    asked: list[tuple[int, Future[Result]]] = []
    ended_ns: list[int] = []
    ends = threading.Semaphore(0)

    def end(number: int, _: Future[Result]) -> None:
        ended_ns[number] = time.monotonic_ns()
        ends.release()

    for offset_s in due_s:
        due_ns = begun_ns + round(offset_s * 1e9)
        time.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
        try:
            future = link.submit(message, timeout)
        except BridgeError:  # no room for more: the device is slower than the rhythm
            continue
        asked.append((due_ns, future))
        ended_ns.append(begun_ns)
        future.add_done_callback(partial(end, len(ended_ns) - 1))
    for _ in asked:
        ends.acquire()
    took_ns = [
        end_ns - due_ns
        for end_ns, (due_ns, future) in zip(ended_ns, asked, strict=True)
        if future.exception() is None
    ]
    duration_s = (max(ended_ns, default=begun_ns) - begun_ns) / 1e9
    return LoadReport(tuple(sorted(took_ns)), len(due_s) - len(took_ns), duration_s)


def single_stream(link: Link, message: Message, count: int, *, timeout: float = 10.0) -> LoadReport:
    """Sends so many commands, each when the one before is done."""
    begun_ns = time.monotonic_ns()
    latencies, failed = [], 0
    for _ in range(count):
        sent_ns = time.monotonic_ns()
        try:
            link.request(message, timeout)
        except BridgeError:
            failed += 1
        else:
            latencies.append(time.monotonic_ns() - sent_ns)
    duration_s = (time.monotonic_ns() - begun_ns) / 1e9
    return LoadReport(tuple(sorted(latencies)), failed, duration_s)
