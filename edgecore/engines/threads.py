"""How many threads an engine is given: measured at the start, as more are often slower."""

import os
import time
from collections.abc import Callable

from edgecore.engines.protocol import Engine

MOST = 8
DEADLINE_S = 2.0
WORTH = 0.9
"""One more thread is taken for an invoke of at most so much of the time."""

_RUNS = 5


def fastest(
    open_one: Callable[[int], Engine], deadline_s: float = DEADLINE_S
) -> tuple[Engine, int, dict[int, float]]:
    """The engine with the number of threads that runs it fastest here, and what was measured.

    Every number from 1 to the processors this process may use, at most MOST, is tried for the
    median of up to 5 invokes, as long as the deadline is not over; the first is always.

    Args:
        open_one: opens the engine with so many threads, its inputs of their final shapes.
        deadline_s: how long to go on trying.

    Returns:
        The engine, its number of threads, and the milliseconds an invoke took with each number.
    """
    ends = time.monotonic() + deadline_s
    best, chosen = open_one(1), 1
    measured = {1: _median_ms(best, ends)}
    for count in range(2, min(len(os.sched_getaffinity(0)), MOST) + 1):
        if time.monotonic() >= ends:
            break
        engine = open_one(count)
        measured[count] = _median_ms(engine, ends)
        if measured[count] <= WORTH * measured[chosen]:
            best, chosen = engine, count
    return best, chosen, measured


def _median_ms(engine: Engine, ends: float) -> float:
    """Of invokes after a first one, which allocates; of one where time is up."""
    engine.invoke()
    taken: list[float] = []
    while len(taken) < _RUNS and (not taken or time.monotonic() < ends):
        began = time.perf_counter()
        engine.invoke()
        taken.append((time.perf_counter() - began) * 1e3)
    return sorted(taken)[len(taken) // 2]
