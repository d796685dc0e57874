"""The link to firmware on this device: its codec, and round trips to the simulated device."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator

import numpy as np

import firmware_bridge as fb
from edgecore.benchmark.result import Result, result

FRAMES = 1000
BODY = 64
CALLS = 100
COMMANDS = 10_000
ALERT = fb.Alert(kind=1, level=1, duration_ms=10)


def codec(seconds: float) -> Iterator[Result]:
    """Frames of 64 bytes encoded one by one, and decoded as arrays; microseconds a frame."""
    draw = random.Random(7)
    payloads = [draw.randbytes(BODY) for _ in range(FRAMES)]
    stream = b"".join(fb.codec.encode(2, 0x40, payload) for payload in payloads)
    decoder = fb.codec.Decoder()

    def encode() -> object:
        return [fb.codec.encode(2, 0x40, payload) for payload in payloads]

    frame = f"a {BODY}-byte frame"
    yield _timed(f"encode {frame}", encode, seconds)
    yield _timed(f"decode {frame}", lambda: decoder.feed(stream), seconds)
    yield _timed(f"decode {frame}, arrays", lambda: decoder.feed_arrays(stream), seconds)


def round_trips(seconds: float) -> Iterator[Result]:
    """Commands to the simulated device, by the wall's clock: alone, and thousands at once."""

    async def ask(calls: int) -> list[float]:
        taken = []
        for _ in range(calls):
            started = time.perf_counter()
            await link.request_async(ALERT)
            taken.append((time.perf_counter() - started) * 1e6)
        return taken

    def ask_and_wait(call: Callable[[], object]) -> Callable[[int], list[float]]:
        return lambda calls: [_once(call) for _ in range(calls)]

    with fb.connect("sim:") as link:
        ways = {
            "ping": ask_and_wait(link.ping),
            "request": ask_and_wait(lambda: link.request(ALERT)),
            "request_async": lambda calls: asyncio.run(ask(calls)),
        }
        for name, way in ways.items():
            yield _row(f"{name} to sim: and back", _repeated(way, CALLS, seconds))
        records = np.zeros(COMMANDS, link.schema.by_name["Alert"].dtype)
        records["kind"], records["level"], records["duration_ms"] = 1, 1, 10

        def command(_: int) -> list[float]:
            return [_once(lambda: link.request_many("Alert", records, timeout=5.0)) / COMMANDS]

        yield _row(f"request_many to sim:, one of {COMMANDS:,}", _repeated(command, 1, seconds))


def _row(job: str, samples: list[float]) -> Result:
    return result("link", job, "any", samples)


def _timed(job: str, call: Callable[[], object], seconds: float) -> Result:
    call()
    return _row(job, _repeated(lambda _: [_once(call) / FRAMES], 1, seconds))


def _repeated(way: Callable[[int], list[float]], calls: int, seconds: float) -> list[float]:
    """Microseconds of at least three rounds, the first left out, which learns the way."""
    way(calls)
    samples: list[float] = []
    ends = time.perf_counter() + seconds
    while len(samples) < 3 * calls or time.perf_counter() < ends:
        samples += way(calls)
    return samples


def _once(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e6
