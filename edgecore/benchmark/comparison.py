"""Results of two runs beside each other: what changed, beyond what noise explains."""

from __future__ import annotations

import statistics
from typing import Any, Literal, NamedTuple, TypeAlias

from edgecore.benchmark.kept import Key, Run
from edgecore.benchmark.result import Result

MARGIN = 1.05
"""Less than this between the passes of two runs is no change."""

DOUBTFUL = 1.3
"""Where a yardstick moves by more than this, two runs are hardly of one machine in one state."""

Verdict: TypeAlias = Literal["quicker", "slower", "same"]


class Change(NamedTuple):
    """One row of two runs; `ratio` is the time after over the time before."""

    before: Result
    after: Result
    ratio: float
    verdict: Verdict


class Comparison(NamedTuple):
    """Two runs.

    Attributes:
        same_machine: both are of one.
        machine_ratio: how much more time the yardsticks took afterwards: of one machine, what it,
            not edgecore, did to every row. None where the runs share none.
        noise: how far apart two times may be that are the same, as a ratio.
        changes: of rows that both runs have.
        gone, come: rows that only the first, only the second run has.
    """

    same_machine: bool
    machine_ratio: float | None
    noise: float
    changes: list[Change]
    gone: list[Key]
    come: list[Key]


def compare(before: Run, after: Run) -> Comparison:
    """What changed from one run to the other.

    A row is quicker or slower when all passes of one run lie on the same side of all passes of the
    other, by more than MARGIN and, on one machine, by more than any yardstick moved; otherwise it
    is the same. Between two machines what the yardsticks show is no noise but what is asked.
    """
    shared = [key for key in before.results if key in after.results]
    yardsticks = [
        after.results[key].median_us / before.results[key].median_us
        for key in shared
        if key[0] == "yardsticks"
    ]
    same_machine = _is_one_machine(before, after)
    noise = MARGIN
    if same_machine:
        noise = max((MARGIN, *yardsticks, *(1 / ratio for ratio in yardsticks)))
    changes = [
        _change(before.results[key], after.results[key], noise)
        for key in shared
        if key[0] != "yardsticks"
    ]
    return Comparison(
        same_machine,
        statistics.geometric_mean(yardsticks) if yardsticks else None,
        noise,
        changes,
        [key for key in before.results if key not in after.results],
        [key for key in after.results if key not in before.results],
    )


def document(before: Run, after: Run, comparison: Comparison) -> dict[str, Any]:
    """A comparison as JSON holds it; times in microseconds."""
    runs = ("name", "machine", "date", "edgecore")
    return {
        **{
            side: {key: getattr(run, key) for key in runs}
            for side, run in (("before", before), ("after", after))
        },
        "same_machine": comparison.same_machine,
        "yardsticks_ratio": comparison.machine_ratio,
        "changes": [
            {
                **dict(zip(("group", "job", "variant"), one.before[:3], strict=True)),
                "before_us": one.before.median_us,
                "after_us": one.after.median_us,
                "ratio": one.ratio,
                "verdict": one.verdict,
            }
            for one in comparison.changes
        ],
        "gone": comparison.gone,
        "new": comparison.come,
    }


def _is_one_machine(before: Run, after: Run) -> bool:
    """By what tells machines of a kind apart, or by the kind where a run does not hold it."""
    if before.identity and after.identity:
        return before.identity == after.identity
    return before.processor == after.processor


def _change(before: Result, after: Result, noise: float) -> Change:
    ratio = after.median_us / before.median_us
    if after.low_us > before.high_us * noise:
        return Change(before, after, ratio, "slower")
    if before.low_us > after.high_us * noise:
        return Change(before, after, ratio, "quicker")
    return Change(before, after, ratio, "same")
