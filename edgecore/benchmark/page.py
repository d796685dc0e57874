"""A page that compares boards, runs and models: one file, no script, nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgecore.benchmark.comparison import MARGIN, Accuracy, Key, Run, keys_of
from edgecore.benchmark.plot import time_text
from edgecore.pages.axis import LogAxis
from edgecore.pages.document import cells, document, escaped, table

STYLE = """
table.times { table-layout: fixed; } td, th { overflow-wrap: anywhere; }
table.times th:first-child { width: 32%; } table.times th:nth-child(2) { width: 9rem; }
td.time { font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar { display: block; height: .35rem; border-radius: 2px; background: var(--bar); }
.best .bar { background: var(--best); } .best { font-weight: 600; }
.none { color: var(--faint); } .variant { color: #777; }
svg { max-width: 52rem; }
"""
WIDTH, HEIGHT, LEFT, BOTTOM = 720, 320, 56, 40


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
        parts += ["<h2>models</h2>", _scatter(models), _models(models)]
    return document("edgecore bench", parts, style=STYLE)


def _groups(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(key[0] for key in keys_of(runs)))


def _about(runs: Sequence[Run]) -> str:
    rows = (cells(run.name, run.machine, run.edgecore, run.date) for run in runs)
    told = (
        "Medians; the shorter the bar, the quicker. Green: its slowest pass is quicker than all "
        "passes of the others by more than 5 %."
    )
    return table(("run", "machine", "edgecore", "date"), rows) + f"<p>{told}</p>"


def _group(runs: Sequence[Run], group: str) -> str:
    keys = [key for key in keys_of(runs) if key[0] == group]
    rows, last = [], None
    for key in keys:
        job = "" if key[1] == last else key[1]
        last = key[1]
        variant = "" if key[2] == "any" else key[2]
        rows.append(
            f'<td>{escaped(job)}</td><td class="variant">{escaped(variant)}</td>'
            + _times(runs, key)
        )
    head = ("", "", *(run.name for run in runs))
    return f"<h2>{escaped(group)}</h2>" + table(head, rows, kind="times")


def _times(runs: Sequence[Run], key: Key) -> str:
    results = [run.results.get(key) for run in runs]
    known = [result for result in results if result is not None]
    best = min(known, key=lambda result: result.median_us)
    longest = max(result.median_us for result in known)
    clear = len(known) > 1 and all(
        best is other or best.high_us * MARGIN < other.low_us for other in known
    )
    told = []
    for result in results:
        if result is None:
            told.append('<td class="time none">not measured</td>')
            continue
        mark = " best" if clear and result is best else ""
        told.append(
            f'<td class="time{mark}">{time_text(result.median_us)}<span class="bar" '
            f'style="width:{100 * result.median_us / longest:.1f}%"></span></td>'
        )
    return "".join(told)


def _models(models: Sequence[Accuracy]) -> str:
    rows = (
        cells(
            one.model,
            f"{one.map_50_95:.4f}",
            f"{one.map_50:.4f}",
            f"{one.ms:.2f}",
            f"{one.megabytes:.2f}",
        )
        for one in sorted(models, key=lambda one: -one.map_50_95)
    )
    return table(("model", "mAP 50-95", "mAP 50", "ms a picture", "MB"), rows)


def _scatter(models: Sequence[Accuracy]) -> str:
    """Accuracy over time, which is on a log scale: up and to the left is better."""
    axis = LogAxis.around((one.ms for one in models), LEFT + 90, WIDTH - 90, least=1e-3)
    top = max(0.1, math.ceil(10 * max(one.map_50_95 for one in models) + 0.3) / 10)
    floor = HEIGHT - BOTTOM + 10

    def y(precision: float) -> float:
        return floor - (HEIGHT - BOTTOM) * precision / top

    marks = []
    for tenth in range(round(top * 10) + 1):
        at = y(tenth / 10)
        marks.append(
            f'<line class="axis" x1="{LEFT}" x2="{WIDTH}" y1="{at:.1f}" y2="{at:.1f}"/>'
            f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>'
        )
    for tick in axis.ticks():
        marks.append(
            f'<text x="{axis.at(tick):.1f}" y="{floor + 16}" text-anchor="middle">{tick:g}</text>'
        )
    for number, one in enumerate(sorted(models, key=lambda one: one.ms)):
        at_x, at_y = axis.at(one.ms), y(one.map_50_95)
        beside = at_y + (-10, 19)[number % 2]  # neighbours' names do not meet
        marks.append(
            f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="5" fill="var(--dot)"/>'
            f'<text x="{at_x:.1f}" y="{beside:.1f}" text-anchor="middle">'
            f"{escaped(one.model)}, {one.ms:.3g} ms</text>"
        )
    marks.append(f'<text x="{LEFT}" y="{HEIGHT + 8}">mAP 50-95 over ms a picture, log scale</text>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 20}" role="img">{"".join(marks)}</svg>'
