"""Results as a picture: a panel for each group, a bar for each variant, times on a log scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from edgecore.benchmark.result import Result

WIDTH, MARGIN, LABELS, TIMES = 1300, 28, 420, 110
BAR, GAP, HEADING = 18, 12, 54
COLORS = (
    *((45, 99, 170), (79, 160, 202), (234, 142, 52), (124, 111, 177), (106, 153, 85)),
    *((192, 80, 77), (64, 145, 140), (145, 125, 105)),
)
INK, FAINT, PAPER = (34, 38, 44), (222, 225, 230), (255, 255, 255)

_LACKED = "\U0010ffff"
"""A character that no font has: it shows what stands for one that is lacking."""
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def draw(results: Sequence[Result], title: str) -> Image.Image:
    """The picture, as high as the results need."""
    groups = {r.group: [x for x in results if x.group == r.group] for r in results}
    height = 2 * MARGIN + HEADING + sum(_panel_height(rows) for rows in groups.values())
    image = Image.new("RGB", (WIDTH, height), PAPER)
    canvas = ImageDraw.Draw(image)
    shown = _fitted(canvas, title, _font(22), WIDTH - 2 * MARGIN)
    canvas.text((MARGIN, MARGIN - 8), shown, INK, _font(22))
    y = MARGIN + HEADING
    for name, rows in groups.items():
        _panel(canvas, y, name, rows)
        y += _panel_height(rows)
    return image


def time_text(median_us: float) -> str:
    """Three significant digits and the unit."""
    if median_us < 1000:
        return f"{median_us:.3g} us" if median_us < 100 else f"{median_us:.0f} us"
    ms = median_us / 1000
    return f"{ms:.3g} ms" if ms < 100 else f"{ms:.0f} ms"


def _font(size: int) -> Font:
    try:
        return ImageFont.load_default(size)
    except (TypeError, ImportError):  # Pillow before 10.1, or built without FreeType
        return ImageFont.load_default()


def _panel_height(rows: Sequence[Result]) -> int:
    jobs = len({row.job for row in rows})
    return HEADING + 2 * BAR + len(rows) * BAR + jobs * GAP


def _panel(canvas: ImageDraw.ImageDraw, top: int, name: str, rows: Sequence[Result]) -> None:
    times = [row.median_us for row in rows]
    low = math.floor(math.log10(min(times)) - 0.15)
    high = math.ceil(math.log10(max(times)))
    left, right = MARGIN + LABELS, WIDTH - MARGIN - TIMES

    def across(median_us: float) -> float:
        return left + (math.log10(median_us) - low) / (high - low) * (right - left)

    variants = list(dict.fromkeys(row.variant for row in rows))
    canvas.text((MARGIN, top), name, INK, _font(19))
    if len(variants) > 1:
        _legend(canvas, left, top + 3, variants)
    y = top + 38
    bottom = top + _panel_height(rows) - 2 * BAR
    for decade in range(low, high + 1):
        x = across(10.0**decade)
        canvas.line((x, y - 4, x, bottom), FAINT, 1)
        canvas.text((x, bottom + 3), time_text(10.0**decade), INK, _font(12), anchor="ma")
    canvas.text((left - 32, bottom + 3), "log scale", INK, _font(12), anchor="ra")
    job = ""
    for row in rows:
        if row.job != job:
            job = row.job
            y += GAP
            shown = _fitted(canvas, job, _font(14), LABELS - 12)
            canvas.text((left - 12, y + BAR / 2), shown, INK, _font(14), anchor="rm")
        time = row.median_us or 1.0
        color = COLORS[variants.index(row.variant) % len(COLORS)]
        canvas.rectangle((left, y + 2, across(time), y + BAR - 2), color)
        at = across(time) + 7, y + BAR / 2
        canvas.text(at, time_text(time), INK, _font(13), anchor="lm")
        y += BAR


def _fitted(canvas: ImageDraw.ImageDraw, text: str, font: Font, width: float) -> str:
    """The text, or its beginning and its end, which tell files of one kind apart."""
    text = _drawable(" ".join(text.split()), font)
    for kept in range(len(text), 1, -1):
        shown = (
            text if kept == len(text) else f"{text[: kept // 2]}...{text[-(kept - kept // 2) :]}"
        )
        if canvas.textlength(shown, font) <= width:
            return shown
    return "..."


def _drawable(text: str, font: Font) -> str:
    """The text, with what the font has no letter for as Python writes it."""
    missing = bytes(font.getmask(_LACKED)) if isinstance(font, ImageFont.FreeTypeFont) else b""
    return "".join(each if _has(font, each, missing) else ascii(each)[1:-1] for each in text)


def _has(font: Font, letter: str, missing: bytes) -> bool:
    if letter.isascii():
        return True
    try:
        return bytes(font.getmask(letter)) != missing
    except UnicodeEncodeError:  # the font without FreeType, or half a character
        return False


def _legend(canvas: ImageDraw.ImageDraw, x: float, y: float, variants: Sequence[str]) -> None:
    for index, variant in enumerate(variants):
        canvas.rectangle((x, y + 2, x + 12, y + 14), COLORS[index % len(COLORS)])
        shown = _drawable(variant, _font(14))
        canvas.text((x + 18, y + 8), shown, INK, _font(14), anchor="lm")
        x += 40 + canvas.textlength(shown, _font(14))
