"""Results of several runs beside each other: what changed, beyond what noise explains."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from edgecore.benchmark.result import Result
from edgecore.errors import ConfigError

MARGIN = 1.05
"""Less than this between the passes of two runs is no change."""

_LEAST_US, _MOST_US = 1e-6, 1e12
"""What takes less than a picosecond, or more than days, was not measured."""

_MOST = 1e9
"""Milliseconds of a picture, megabytes of a model."""

Verdict: TypeAlias = Literal["quicker", "slower", "same"]
Key: TypeAlias = tuple[str, str, str]


class Run(NamedTuple):
    """One run of `edgecore bench`.

    Attributes:
        name: of its file, without the suffix.
        machine, date, edgecore: what was measured where and when.
        results: by group, job and variant.
    """

    name: str
    machine: str
    date: str
    edgecore: str
    results: dict[Key, Result]


class Accuracy(NamedTuple):
    """A model that `edgecore eval` judged; `ms` is the time of a whole picture."""

    model: str
    map_50_95: float
    map_50: float
    ms: float
    megabytes: float


class Change(NamedTuple):
    """One row of two runs; `ratio` is the time after over the time before."""

    before: Result
    after: Result
    ratio: float
    verdict: Verdict


class Comparison(NamedTuple):
    """Two runs.

    Attributes:
        machine_ratio: how much more time the yardsticks took afterwards: of one machine, what it,
            not edgecore, did to every row. 1 where a run has none.
        changes: of rows that both runs have.
        gone, come: rows that only the first, only the second run has.
    """

    machine_ratio: float
    changes: list[Change]
    gone: list[Key]
    come: list[Key]


def load(path: Path) -> Run | list[Accuracy]:
    """What `edgecore bench --json` or `edgecore eval --json` left at `path`.

    Raises:
        ConfigError: no such file, or of neither.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: expected JSON, {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: expected JSON, got too deep a nesting") from None
    if isinstance(document, dict) and document.get("benchmark") == "mlperf-tiny":
        raise ConfigError(
            f"{path}: expected results of this device or of models, got those of --mlperf-tiny"
        )
    try:
        if isinstance(document, list):
            return [_accuracy(row) for row in document]
        rows = [_result(row) for row in document["results"]]
        machine, date, version = (str(document[key]) for key in ("machine", "date", "edgecore"))
        if rows:
            return Run(path.stem, machine, date, version, {row[:3]: row for row in rows})
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    raise ConfigError(
        f"{path}: expected results that `edgecore bench --json` or `edgecore eval --json` kept"
    )


def _result(row: dict[str, Any]) -> Result:
    one = Result(**row)
    if not all(isinstance(text, str) for text in one[:3]):
        raise ValueError(f"expected group, job and variant as texts, got {one[:3]}")
    if not _LEAST_US < one.low_us <= one.median_us <= one.high_us < _MOST_US:
        raise ValueError(f"expected times that can be, by size, got {one}")
    return one


def _accuracy(row: dict[str, Any]) -> Accuracy:
    stages = [float(row[f"{stage}_ms"]) for stage in ("preprocess", "invoke", "postprocess")]
    one = Accuracy(
        str(row["model"]).rpartition("/")[2].removesuffix(".tflite"),
        float(row["map_50_95"]),
        float(row["map_50"]),
        sum(stages),
        float(row["megabytes"]),
    )
    if not (0 <= one.map_50_95 <= 1 and 0 <= one.map_50 <= 1):
        raise ValueError(f"expected precision within 0 and 1, got {one}")
    possible = all(0 <= ms < _MOST for ms in stages) and 0 < one.megabytes < _MOST
    if not possible or one.ms == 0:
        raise ValueError(f"expected times and sizes that can be, got {one}")
    return one


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
    machine_ratio = statistics.geometric_mean(yardsticks) if yardsticks else 1.0
    noise = MARGIN
    if before.machine == after.machine:
        noise = max(MARGIN, *yardsticks, *(1 / ratio for ratio in yardsticks))
    changes = [
        _change(before.results[key], after.results[key], noise)
        for key in shared
        if key[0] != "yardsticks"
    ]
    return Comparison(
        machine_ratio,
        changes,
        [key for key in before.results if key not in after.results],
        [key for key in after.results if key not in before.results],
    )


def _change(before: Result, after: Result, noise: float) -> Change:
    ratio = after.median_us / before.median_us
    if after.low_us > before.high_us * noise:
        return Change(before, after, ratio, "slower")
    if before.low_us > after.high_us * noise:
        return Change(before, after, ratio, "quicker")
    return Change(before, after, ratio, "same")


def keys_of(runs: Sequence[Run]) -> list[Key]:
    """Rows of any of the runs, in the order of the first that has them."""
    return list(dict.fromkeys(key for run in runs for key in run.results))
