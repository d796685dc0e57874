"""Models by accuracy and time as SVG: numbered marks, and beneath them which is which."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgecore.benchmark.kept import Accuracy
from edgecore.pages.axis import LogAxis
from edgecore.pages.document import escaped

WIDTH, HEIGHT, LEFT, BOTTOM = 720, 320, 56, 40
LINE, RADIUS, LETTERS = 16, 8, 34
"""Pixels of a line of the legend and of a mark, and letters of a name in one of its two columns."""


def scatter(models: Sequence[Accuracy]) -> str:
    """Accuracy over time, which is on a log scale: up and to the left is better.

    Args:
        models: at least one; numbered from 1 as they come.
    """
    axis = LogAxis.around((one.ms for one in models), LEFT + 20, WIDTH - 20, least=1e-3)
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
    below = HEIGHT + 8
    marks.append(f'<text x="{LEFT}" y="{below}">mAP 50-95 over ms a picture, log scale</text>')
    lines = math.ceil(len(models) / 2)
    for index, one in enumerate(models):
        name = f"{index + 1}: {shortened(one.model, LETTERS)}, {one.ms:.3g} ms"
        x = LEFT if index < lines else LEFT + (WIDTH - LEFT) / 2
        marks.append(
            f'<text x="{x:g}" y="{below + 10 + LINE * (index % lines + 1)}">{escaped(name)}</text>'
        )
    for index, one in reversed(list(enumerate(models))):  # the more accurate lie on top
        marks.append(_mark(axis.at(one.ms), y(one.map_50_95), index + 1))
    height = below + 20 + LINE * lines
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(marks)}</svg>'


def shortened(text: str, letters: int) -> str:
    """The text, or its beginning and its end, which tell files of one kind apart."""
    if len(text) <= letters:
        return text
    head = (letters - 3) // 2
    return f"{text[:head]}...{text[len(text) - (letters - 3 - head) :]}"


def _mark(x: float, y: float, number: int) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}" fill="var(--dot)" stroke="Canvas"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" '
        f'style="fill: Canvas; font-size: 10px; font-weight: 600">{number}</text>'
    )
