"""The page of a run: what came of the tests, of the requirements, and of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from edgecore.pages.axis import LogAxis
from edgecore.pages.document import definitions, document, escaped, table
from edgecore.testing.latency import LEGS, Distribution, Passage, distribution
from edgecore.testing.matrix import Requirement, TestRun
from edgecore.testing.report import Report

STYLE = """
:root { --good: #2e7d42; --bad: #b3261e; --odd: #9a6700; }
@media (prefers-color-scheme: dark) {
  :root { --good: #57ab6a; --bad: #f0736a; --odd: #d4a72c; }
}
.chip { font-size: .8rem; font-weight: 600; white-space: nowrap; color: var(--idle); }
.chip::before { content: "\\25cf\\a0"; }
.passed, .shown { color: var(--good); } .failed, .error { color: var(--bad); }
.xpassed, .gap { color: var(--odd); }
.counts .chip { font-size: 1rem; margin-right: 1.2rem; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; } td.plot { padding: 0; width: 480px; }
td.id { overflow-wrap: anywhere; } .reason { color: var(--idle); overflow-wrap: anywhere; }
tr.whole td:first-child { font-weight: 600; }
a { color: inherit; } ul { margin: 0; padding-left: 1.1rem; }
td code { white-space: nowrap; } td.id code { white-space: normal; }
code, pre { font: 13px/1.4 ui-monospace, monospace; }
pre { overflow-x: auto; border-left: 3px solid var(--faint); padding-left: .8rem; }
.density { fill: var(--bar); } .whole .density { fill: var(--best); }
.mark { stroke: currentColor; } .bound { stroke: var(--odd); stroke-width: 2; }
p.note { color: var(--idle); font-size: .9rem; margin: .3rem 0; max-width: 60rem; }
"""
WIDTH, ROW, EDGE, BINS = 480, 26, 32, 96
LEAST_MS = 1e-3
"""What a device's stamps of microseconds cannot tell from nothing."""


def page(report: Report) -> str:
    """HTML of a run."""
    numbers = {test.id: number for number, test in enumerate(report.tests)}
    parts = [_about(report)]
    if report.requirements:
        parts += ["<h2>Requirements</h2>", _requirements(report.requirements, numbers)]
    measured = [_Measured(test.id, series) for test in report.tests for series in test.latency]
    if measured:
        parts += ["<h2>Latency</h2>", _NOTE, *_latency(measured)]
    parts += ["<h2>Tests</h2>", _tests(report.tests)]
    return document("edgecore test report", parts, style=STYLE)


_NOTE = (
    '<p class="note">Milliseconds; percentiles by nearest rank: of fewer than 20 the p95 is the '
    "longest, and of fewer than 100 the p99. A leg from one clock to the other is known within the "
    "bound under \N{PLUS-MINUS SIGN}, which the link published for the device's clock; the orange "
    "line is that long to either side of the median. So the device's times may seem a little too "
    "early, and a leg shorter than nothing. Columns: how many frames or commands took so long, on "
    "a logarithmic scale that all of them share; lines at p50, p95, p99 and the longest.</p>"
)


def _about(report: Report) -> str:
    chips = " ".join(_chip(name, f"{count} {name}") for name, count in report.counts().items())
    facts = {
        "target": report.target,
        "repeat with": report.repeat,
        "command": report.command,
        "begun": report.begun.replace("T", " ").replace("+00:00", " UTC"),
        "took": f"{report.duration_s:.1f} s",
        "versions": ", ".join(f"{name} {value}" for name, value in report.versions.items()),
    }
    return f'<p class="counts">{chips or "No test ran."}</p>{definitions(facts.items())}'


def _chip(kind: str, text: str) -> str:
    return f'<span class="chip {kind.replace(" ", "-")}">{escaped(text)}</span>'


def _requirements(rows: Sequence[Requirement], numbers: dict[str, int]) -> str:
    gaps = [row for row in rows if row.verdict in ("no test", "not shown")]
    shown = sum(row.verdict == "shown" for row in rows)
    failed = sum(row.verdict == "failed" for row in rows)
    told = f"{shown} of {len(rows)} shown, {failed} failed, {len(gaps)} without a test that ran."
    return f"<p>{told}</p>" + table(
        ("", "requirement", "", "tests"), (_requirement(row, numbers) for row in rows)
    )


def _requirement(row: Requirement, numbers: dict[str, int]) -> str:
    kind = "gap" if row.verdict in ("no test", "not shown") else row.verdict
    tests = "".join(
        f'<li><a href="#t{numbers[test.id]}">{escaped(test.id)}</a> '
        f"{_chip(test.outcome, test.outcome)}</li>"
        for test in row.tests
    )
    return (
        f"<td>{_chip(kind, row.verdict)}</td><td><code>{escaped(row.id)}</code></td>"
        f"<td>{escaped(row.title)}</td><td>{f'<ul>{tests}</ul>' if tests else ''}</td>"
    )


def _tests(tests: Sequence[TestRun]) -> str:
    return table(("", "test", "requirements", "s"), map(_test, range(len(tests)), tests))


def _test(number: int, test: TestRun) -> str:
    told = f"<code>{escaped(test.id)}</code>"
    if test.reason:
        told += f'<div class="reason">{escaped(test.reason)}</div>'
    properties = [pair for pair in test.properties if not pair[0].startswith("latency: ")]
    if properties:
        told += f"<details><summary>recorded</summary>{definitions(properties)}</details>"
    if test.text:
        told += (
            f"<details><summary>what happened</summary><pre>{escaped(test.text)}</pre></details>"
        )
    return (
        f"<td>{_chip(test.outcome, test.outcome)}</td>"
        f'<td class="id" id="t{number}">{told}</td>'
        f"<td>{escaped(', '.join(test.requirements))}</td>"
        f'<td class="number">{test.duration_s:.2f}</td>'
    )


_WHOLE = ("due to actuated", "due to acknowledged")
"""Legs that are the whole way: the better first, which takes a device that stamps."""


class _Measured:
    """A series of a test."""

    def __init__(self, test: str, series: dict[str, Any]) -> None:
        self.test, self.name, self.failed = test, series["series"], series["failed"]
        passages = [Passage(*row) for row in series["passages"]]
        found = (distribution(self.name, leg, passages) for leg in LEGS)
        self.done, self.legs = len(passages), [one for one in found if one is not None]
        self.misplaced = sum(not each.placed for each in passages)

    @property
    def told_apart(self) -> str:
        """Its name where other tests have a series of the same."""
        return f"{self.name}: {self.test.rpartition('::')[2]}"

    def whole(self, leg: str) -> Distribution | None:
        """That leg if it is the one that tells most of the whole way."""
        by_name = {one.leg: one for one in self.legs}
        most = next((name for name in _WHOLE if name in by_name), "")
        return by_name[leg] if leg == most else None


def _latency(measured: Sequence[_Measured]) -> Iterator[str]:
    times_ms = (value for each in measured for one in each.legs for value in one.values_ms)
    axis = LogAxis.around(times_ms, EDGE, WIDTH - EDGE, least=LEAST_MS)
    if len(measured) > 1:
        for leg in _WHOLE:
            whole = [(each, one) for each in measured if (one := each.whole(leg))]
            names = [each.name for each, _ in whole]
            named = [
                (each.name if names.count(each.name) == 1 else each.told_apart, one)
                for each, one in whole
            ]
            if named:
                yield f"<h3>{leg.capitalize()}, side by side</h3>" + _rows(named, axis)
    for each in measured:
        failed = f", {each.failed} not done" if each.failed else ""
        jumped = f", the device's clock not known for {each.misplaced}" if each.misplaced else ""
        done = f"<p><b>{escaped(each.name)}</b>: {each.done} done{failed}{jumped}</p>"
        yield f"<h3>{escaped(each.test)}</h3>{done}"
        if each.legs:
            yield _rows([(one.leg, one) for one in each.legs], axis)


def _rows(named: Sequence[tuple[str, Distribution]], axis: LogAxis) -> str:
    names = ("n", "p50", "p95", "p99", "max", "\N{PLUS-MINUS SIGN}")
    head = "".join(f'<th class="number">{name}</th>' for name in names)
    rows = "".join(
        f'<tr{_whole(one)}><td>{escaped(name)}</td><td class="number">{one.count}</td>'
        + "".join(
            f'<td class="number">{value:.3f}</td>'
            for value in (one.p50_ms, one.p95_ms, one.p99_ms, one.max_ms)
        )
        + f'<td class="number">{"" if one.error_ms is None else f"{one.error_ms:.3f}"}</td>'
        f'<td class="plot">{_plot(one, axis)}</td></tr>'
        for name, one in named
    )
    return f"<table><tr><th></th>{head}<th></th></tr>{rows}<tr>{_scale(axis)}</tr></table>"


def _whole(one: Distribution) -> str:
    return ' class="whole"' if one.leg in _WHOLE else ""


def _plot(one: Distribution, axis: LogAxis) -> str:
    """Columns by how many took so long; lines at the percentiles; the clocks' bound."""
    counts = [0] * BINS
    for value in one.values_ms:
        share = (axis.at(value) - axis.left) / (axis.right - axis.left)
        counts[min(int(share * BINS), BINS - 1)] += 1
    most, wide = max(counts), (axis.right - axis.left) / BINS
    marks = [
        f'<rect class="density" x="{axis.left + number * wide:.1f}" width="{wide:.1f}" '
        f'y="{ROW - 3 - (high := max(2.0, (ROW - 6) * count / most)):.1f}" height="{high:.1f}"/>'
        for number, count in enumerate(counts)
        if count
    ]
    for value, strength in zip(
        (one.p50_ms, one.p95_ms, one.p99_ms, one.max_ms), (1, 0.6, 0.45, 0.3), strict=True
    ):
        x = axis.at(value)
        marks.append(
            f'<line class="mark" opacity="{strength}" x1="{x:.1f}" x2="{x:.1f}" y1="3" '
            f'y2="{ROW - 3}"/>'
        )
    if one.error_ms is not None:
        low, high = axis.at(one.p50_ms - one.error_ms), axis.at(one.p50_ms + one.error_ms)
        marks.append(
            f'<line class="bound" x1="{low:.1f}" x2="{high:.1f}" y1="{ROW - 1}" y2="{ROW - 1}"/>'
        )
    return f'<svg width="{WIDTH}" height="{ROW}" role="img">{"".join(marks)}</svg>'


def _scale(axis: LogAxis) -> str:
    marks = "".join(_ticks(axis))
    line = f'<line class="axis" x1="{axis.left}" x2="{axis.right}" y1="1" y2="1"/>'
    drawing = f'<svg width="{WIDTH}" height="20" role="img">{line}{marks}</svg>'
    return f'<td></td><td colspan="6"></td><td class="plot">{drawing}</td>'


def _ticks(axis: LogAxis) -> Iterator[str]:
    for tick in axis.ticks():
        x = axis.at(tick)
        yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="1" y2="5"/>'
        yield f'<text x="{x:.1f}" y="17" text-anchor="middle">{tick:g} ms</text>'
