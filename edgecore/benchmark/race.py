"""Several implementations of one job, timed in turns so that noise hits all of them alike.

Times are the process's processor time, all threads together: on one pinned core that is the wall's
time less what other processes took of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from edgecore.benchmark.result import summary

TURN_NS = 1_000_000
"""A turn repeats its call until it should take about this long."""

LONG_NS = 20_000_000
"""A call that takes longer is not repeated to warm the caches or to learn how long it takes."""

MIN_TURNS = 3


@dataclass
class Entrant:
    """One implementation.

    Args:
        name: unique in its race.
        call: the job on one input of the race.
        context: entered around each turn, outside the timed part.
        calls, warm, once_s, samples_us: the race's own: calls in a turn, whether a turn begins with
            one that is not timed, how long a call took at first, and in each turn so far.
    """

    name: str
    call: Callable[[Any], object]
    context: Callable[[], AbstractContextManager[Any]] = nullcontext
    calls: int = 0
    warm: bool = True
    once_s: float = 0.0
    samples_us: list[float] = field(default_factory=list)

    @property
    def spent_s(self) -> float:
        """What its turns took so far."""
        return sum(self.samples_us) * self.calls / 1e6


class Timing(NamedTuple):
    """Microseconds a call: median and interquartile range over the turns."""

    median_us: float
    iqr_us: float
    turns: int


class Race:
    """Rounds in which every entrant gets one turn.

    With one input a turn begins with a call that is not timed, so the input is hot in cache. With
    several, each call takes the next one, so an input is met again only after all others; whoever
    wants cold input gives more of it than the caches hold.

    Args:
        entrants: those who take part; each is called once to find out how long it takes.
        inputs: what the calls get, at least one.
        seconds: about how long all rounds together may take. An entrant that has used as much by
            itself sits the rest out, after MIN_TURNS turns, or after the first call if that alone
            took as long.
    """

    def __init__(self, entrants: Sequence[Entrant], inputs: Sequence[Any], seconds: float) -> None:
        self.entrants = entrants
        self._inputs = inputs
        self._place = 0
        self._seconds = seconds
        whole_round_ns = 0.0
        for entrant in entrants:
            with entrant.context():
                once = self._timed(entrant.call, 1)
                if once < LONG_NS:
                    once = min(self._timed(entrant.call, 1) for _ in range(2))
            entrant.calls = max(1, round(TURN_NS / max(once, 1)))
            entrant.warm = len(inputs) == 1 and once < LONG_NS
            entrant.once_s = once / 1e9
            if entrant.once_s > seconds:
                entrant.samples_us.append(once / 1e3)
                continue
            whole_round_ns += min(once * (entrant.calls + entrant.warm), seconds * 1e9 / MIN_TURNS)
        self.rounds = int(min(max(seconds * 1e9 / max(whole_round_ns, 1), 7), 500))

    def round(self) -> None:
        """One turn of each."""
        for entrant in self.entrants:
            if self._is_done(entrant):
                continue
            with entrant.context():
                if entrant.warm:
                    entrant.call(self._inputs[0])
                taken = self._timed(entrant.call, entrant.calls)
            entrant.samples_us.append(taken / entrant.calls / 1e3)

    def _is_done(self, entrant: Entrant) -> bool:
        turns = len(entrant.samples_us)
        enough = MIN_TURNS if entrant.once_s <= self._seconds else 1
        return turns >= enough and entrant.spent_s > self._seconds

    def timings(self) -> dict[str, Timing]:
        """Of every entrant that had a turn."""
        return {e.name: Timing(*summary(e.samples_us)) for e in self.entrants if e.samples_us}

    def _timed(self, call: Callable[[Any], object], calls: int) -> int:
        inputs = [self._next() for _ in range(calls)]
        start = time.process_time_ns()
        for one in inputs:
            call(one)
        return time.process_time_ns() - start

    def _next(self) -> Any:
        self._place = (self._place + 1) % len(self._inputs)
        return self._inputs[self._place]


def arithmetic(_: object) -> int:
    """The yardstick for processors: a fixed loop of integer arithmetic in Python."""
    x = 1
    for _ in range(2000):
        x = (x * 1_664_525 + 1_013_904_223) & 0xFFFF_FFFF
    return x
