"""What a measurement says of one job."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

KERNELS = ("preprocess", "NMS", "heads")
"""Groups whose variants are instruction sets, of which every machine takes its quickest."""


class Result(NamedTuple):
    """The time of one job on one instruction set, stage, engine or way.

    Attributes:
        group, job, variant: what was timed, and how it was done.
        median_us, iqr_us: microseconds a job: the median and the range of the middle half.
        turns: how many times they are of.
        low_us, high_us: the least and the greatest median of the passes that this is of: they tell
            how far the same job is apart from itself a little later.
    """

    group: str
    job: str
    variant: str
    median_us: float
    iqr_us: float
    turns: int
    low_us: float
    high_us: float


def result(group: str, job: str, variant: str, samples: Sequence[float]) -> Result:
    """Of one pass, from the microseconds of each turn."""
    median, iqr, turns = summary(samples)
    return Result(group, job, variant, median, iqr, turns, median, median)


def merged(passes: Sequence[Sequence[Result]]) -> list[Result]:
    """Passes over the same jobs as one; the median of an even number is the lower one."""
    by_key: dict[tuple[str, str, str], list[Result]] = {}
    for one in passes:
        for row in one:
            by_key.setdefault(row[:3], []).append(row)
    return [_merged(rows) for rows in by_key.values()]


def _merged(rows: Sequence[Result]) -> Result:
    medians = [row.median_us for row in rows]
    return rows[0]._replace(
        median_us=statistics.median_low(medians),
        iqr_us=statistics.median_low([row.iqr_us for row in rows]),
        turns=sum(row.turns for row in rows),
        low_us=min(medians),
        high_us=max(medians),
    )


def summary(samples: Sequence[float]) -> tuple[float, float, int]:
    """Median, interquartile range and number of at least one sample."""
    if len(samples) == 1:
        return samples[0], 0.0, 1
    low, middle, high = statistics.quantiles(samples, n=4, method="inclusive")
    return middle, high - low, len(samples)
