"""A page that compares boards, runs and models: one file, no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from edgecore.benchmark.comparison import MARGIN
from edgecore.benchmark.kept import Accuracy, Key, Run, keys_of, of_two_contents
from edgecore.benchmark.plot import time_text
from edgecore.benchmark.result import KERNELS, Result
from edgecore.benchmark.scatter import scatter
from edgecore.pages.document import cells, document, escaped, table

STYLE = """
table.times { table-layout: fixed; } td, th { overflow-wrap: anywhere; }
table.times th:first-child { width: 32%; } table.times th:nth-child(2) { width: 9rem; }
td.time { font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar { display: block; height: .35rem; border-radius: 2px; background: var(--bar); }
.best .bar { background: var(--best); } .best { font-weight: 600; }
.none { color: var(--faint); } .variant, .set { color: #777; }
.set { display: block; font-weight: 400; }
table.models td:nth-child(n + 3) { font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { max-width: 52rem; }
"""
QUICKEST = "quickest set"


def page(runs: Sequence[Run], models: Sequence[Accuracy]) -> str:
    """HTML of every row of every run, and of models by accuracy and time.

    Args:
        runs: of `edgecore bench`, one column each.
        models: of `edgecore eval`.
    """
    parts: list[str] = []
    if runs:
        parts += [_about(runs), *(_group(runs, group) for group in _groups(runs))]
    if models:
        placed = sorted(models, key=lambda one: -one.map_50_95)
        parts += ["<h2>models</h2>", scatter(placed), _models(placed)]
    return document("edgecore bench", parts, style=STYLE)


def _groups(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(key[0] for key in keys_of(runs)))


def _about(runs: Sequence[Run]) -> str:
    rows = (cells(run.name, run.machine, run.edgecore, run.engine, run.date) for run in runs)
    told = (
        "Medians; the shorter the bar, the quicker. Green: its slowest pass is quicker than all "
        "passes of the others by more than 5 %. Of kernels the first row "
        "has each machine's quickest set."
    )
    twice = "".join(
        f"<p><strong>{escaped(name)}: different models of this name side by side.</strong></p>"
        for name in of_two_contents(runs)
    )
    return table(("run", "machine", "edgecore", "engine", "date"), rows) + f"<p>{told}</p>{twice}"


def _group(runs: Sequence[Run], group: str) -> str:
    keys = [key for key in keys_of(runs) if key[0] == group]
    rows = []
    for job in dict.fromkeys(key[1] for key in keys):
        of_job = [key for key in keys if key[1] == job]
        told = [(key[2], [run.results.get(key) for run in runs]) for key in of_job]
        kernel = group in KERNELS and len(told) > 1
        if kernel:
            told.insert(0, (QUICKEST, [_quickest(run, of_job) for run in runs]))
        for number, (variant, results) in enumerate(told):
            name = "" if variant == "any" else variant
            rows.append(
                f'<td>{"" if number else escaped(job)}</td><td class="variant">{escaped(name)}</td>'
                + _times(results, marked=not kernel or number == 0, named=kernel and number == 0)
            )
    head = ("", "", *(run.name for run in runs))
    return f"<h2>{escaped(group)}</h2>" + table(head, rows, kind="times")


def _quickest(run: Run, keys: Sequence[Key]) -> Result | None:
    known = [run.results[key] for key in keys if key in run.results]
    return min(known, key=lambda result: result.median_us, default=None)


def _times(results: Sequence[Result | None], *, marked: bool, named: bool) -> str:
    """Cells of one row.

    Args:
        results: of each run.
        marked: the clearly quickest is green; not for a set that a machine may not run.
        named: each has its variant beside it.
    """
    known = [result for result in results if result is not None]
    best = min(known, key=lambda result: result.median_us)
    longest = max(result.median_us for result in known)
    clear = marked and len(known) > 1
    clear = clear and all(best is one or best.high_us * MARGIN < one.low_us for one in known)
    told = []
    for result in results:
        if result is None:
            told.append('<td class="time none">not measured</td>')
            continue
        mark = " best" if clear and result is best else ""
        variant = f' <span class="set">{escaped(result.variant)}</span>' if named else ""
        told.append(
            f'<td class="time{mark}">{time_text(result.median_us)}{variant}<span class="bar" '
            f'style="width:{100 * result.median_us / longest:.1f}%"></span></td>'
        )
    return "".join(told)


def _models(models: Sequence[Accuracy]) -> str:
    rows = (
        cells(
            str(number),
            one.model,
            f"{one.map_50_95:.4f}",
            f"{one.map_50:.4f}",
            f"{one.ms:.2f}",
            f"{one.megabytes:.2f}",
        )
        for number, one in enumerate(models, 1)
    )
    head = ("", "model", "mAP 50-95", "mAP 50", "ms a picture", "MB")
    return table(head, rows, kind="models")
