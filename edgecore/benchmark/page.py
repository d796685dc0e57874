"""A page that compares boards, runs and models: one file, no script, nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from edgecore.benchmark.comparison import MARGIN, Accuracy, Key, Run, keys_of
from edgecore.benchmark.plot import time_text

STYLE = """
:root { color-scheme: light dark; --bar: #9cc3e6; --best: #5fa463; --faint: #8888; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; }
body { max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .2rem .6rem .2rem 0; vertical-align: top; }
th { border-bottom: 1px solid var(--faint); font-weight: 600; }
td.time { min-width: 9rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar { display: block; height: .35rem; border-radius: 2px; background: var(--bar); }
.best .bar { background: var(--best); } .best { font-weight: 600; }
.none { color: var(--faint); } .variant { color: #777; }
svg text { fill: currentColor; font-size: 12px; } svg .axis { stroke: var(--faint); }
@media (prefers-color-scheme: dark) { :root { --bar: #3d6d99; --best: #3f7f45; } }
"""
WIDTH, HEIGHT, LEFT, BOTTOM = 720, 320, 56, 40


def page(runs: Sequence[Run], models: Sequence[Accuracy]) -> str:
    """HTML of every row of every run, and of models by accuracy and time.

    Args:
        runs: of `edgecore bench`, one column each.
        models: of `edgecore eval`.
    """
    parts = ["<h1>edgecore bench</h1>"]
    if runs:
        parts += [_about(runs), *(_group(runs, group) for group in _groups(runs))]
    if models:
        parts += ["<h2>models</h2>", _scatter(models), _models(models)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>edgecore bench</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _groups(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(key[0] for key in keys_of(runs)))


def _about(runs: Sequence[Run]) -> str:
    rows = "".join(
        f"<tr>{_cells(run.name, run.machine, run.edgecore, run.date)}</tr>" for run in runs
    )
    return (
        f"<table><tr>{_cells('run', 'machine', 'edgecore', 'date', tag='th')}</tr>{rows}</table>"
        "<p>Medians; the shorter the bar, the quicker. Green is the quickest by more than 5 %.</p>"
    )


def _group(runs: Sequence[Run], group: str) -> str:
    keys = [key for key in keys_of(runs) if key[0] == group]
    head = _cells("", "", *(run.name for run in runs), tag="th")
    rows, last = [], None
    for key in keys:
        job = "" if key[1] == last else key[1]
        last = key[1]
        variant = "" if key[2] == "any" else key[2]
        rows.append(
            f'<tr><td>{escape(job)}</td><td class="variant">{escape(variant)}</td>'
            f"{_times(runs, key)}</tr>"
        )
    return f"<h2>{escape(group)}</h2><table><tr>{head}</tr>{''.join(rows)}</table>"


def _times(runs: Sequence[Run], key: Key) -> str:
    times = [run.results[key].median_us if key in run.results else None for run in runs]
    known = [time for time in times if time is not None]
    low, high = min(known), max(known)
    clear = all(time == low or time > low * MARGIN for time in known) and high > low
    cells = []
    for time in times:
        if time is None:
            cells.append('<td class="time none">not measured</td>')
            continue
        best = " best" if time == low and clear else ""
        cells.append(
            f'<td class="time{best}">{time_text(time)}'
            f'<span class="bar" style="width:{100 * time / high:.1f}%"></span></td>'
        )
    return "".join(cells)


def _models(models: Sequence[Accuracy]) -> str:
    head = _cells("model", "mAP 50-95", "mAP 50", "ms a picture", "MB", tag="th")
    rows = ""
    for one in sorted(models, key=lambda one: -one.map_50_95):
        figures = f"{one.map_50_95:.4f}", f"{one.map_50:.4f}", f"{one.ms:.2f}"
        rows += f"<tr>{_cells(one.model, *figures, f'{one.megabytes:.2f}')}</tr>"
    return f"<table><tr>{head}</tr>{rows}</table>"


def _scatter(models: Sequence[Accuracy]) -> str:
    """Accuracy over time, which is on a log scale: up and to the left is better."""
    times = [max(one.ms, 1e-3) for one in models]
    low, high = math.log10(min(times)) - 0.15, math.log10(max(times)) + 0.15
    top = max(0.1, math.ceil(10 * max(one.map_50_95 for one in models)) / 10)

    def x(ms: float) -> float:
        return LEFT + (math.log10(ms) - low) / (high - low) * (WIDTH - LEFT - 150)

    def y(precision: float) -> float:
        return (HEIGHT - BOTTOM) * (1 - precision / top) + 10

    marks = []
    for tenth in range(round(top * 10) + 1):
        at = y(tenth / 10)
        marks.append(
            f'<line class="axis" x1="{LEFT}" x2="{WIDTH}" y1="{at:.1f}" y2="{at:.1f}"/>'
            f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>'
        )
    for one, ms in zip(models, times, strict=True):
        at_x, at_y = x(ms), y(one.map_50_95)
        marks.append(
            f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="6" fill="#2d63aa"/>'
            f'<text x="{at_x + 10:.1f}" y="{at_y + 4:.1f}">{escape(one.model)}, {ms:.3g} ms</text>'
        )
    marks.append(
        f'<text x="{LEFT}" y="{HEIGHT + 12}">mAP 50-95 over ms a picture, log scale</text>'
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 20}" role="img">{"".join(marks)}</svg>'


def _cells(*texts: str, tag: str = "td") -> str:
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)
