"""Boxes and labels drawn on a picture with Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecore.detections import Detections

Color = tuple[int, int, int]
PALETTE: tuple[Color, ...] = (
    (66, 133, 244),
    (52, 168, 83),
    (251, 188, 4),
    (171, 71, 188),
    (0, 172, 193),
    (255, 112, 67),
    (158, 157, 36),
    (92, 107, 192),
)
ALARM: Color = (234, 67, 53)


def annotate(
    rgb: NDArray[np.uint8],
    detections: Detections,
    *,
    highlight: int | None = None,
    caption: Sequence[str] = (),
    alarm: bool = False,
) -> NDArray[np.uint8]:
    """A copy of the picture with its detections drawn on it.

    Args:
        rgb: uint8 (h, w, 3), RGB; not changed.
        detections: boxes in pixels of this picture.
        highlight: index of the box to draw in the alarm colour, with a thick line.
        caption: lines of text for the upper left corner.
        alarm: draw the caption and a frame around the picture in the alarm colour.

    Returns:
        uint8 (h, w, 3), RGB.
    """
    image = Image.fromarray(np.ascontiguousarray(rgb))
    draw = ImageDraw.Draw(image)
    line = max(2, round(min(image.size) / 240))
    font = _font(max(11, round(min(image.size) / 34)))
    for index in np.argsort(detections.confidence, kind="stable"):
        chosen = highlight is not None and int(index) == highlight
        class_id = int(detections.class_id[index])
        color = ALARM if chosen and alarm else PALETTE[class_id % len(PALETTE)]
        x0, y0, x1, y1 = (float(edge) for edge in detections.xyxy[index])
        draw.rectangle((x0, y0, max(x0, x1), max(y0, y1)), outline=color, width=line * (1 + chosen))
        text = f"{detections.class_name[index]} {detections.confidence[index]:.2f}"
        _label(draw, (x0, y0), text, color, font, image.size)
    if caption:
        _caption(draw, caption, ALARM if alarm else (0, 0, 0), font)
    if alarm:
        draw.rectangle((0, 0, image.width - 1, image.height - 1), outline=ALARM, width=3 * line)
    return np.asarray(image)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.load_default(size)
    except (TypeError, ImportError):  # Pillow before 10.1, or built without FreeType
        return ImageFont.load_default()


def _label(
    draw: ImageDraw.ImageDraw,
    corner: tuple[float, float],
    text: str,
    color: Color,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    size: tuple[int, int],
) -> None:
    """Text on a patch of colour above the corner, moved inside the picture where it would leave."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = right - left + 4, bottom - top + 4
    x = min(max(0.0, corner[0]), max(0.0, size[0] - width))
    y = corner[1] - height if corner[1] >= height else corner[1]
    y = min(max(0.0, y), max(0.0, size[1] - height))
    draw.rectangle((x, y, x + width, y + height), fill=color)
    ink = (0, 0, 0) if sum(color) > 380 else (255, 255, 255)
    draw.text((x + 2 - left, y + 2 - top), text, fill=ink, font=font)


def _caption(
    draw: ImageDraw.ImageDraw,
    lines: Sequence[str],
    color: Color,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    text = "\n".join(lines)
    left, top, right, bottom = draw.multiline_textbbox((8, 6), text, font=font)
    draw.rectangle((left - 6, top - 4, right + 6, bottom + 4), fill=color)
    draw.multiline_text((8, 6), text, fill=(255, 255, 255), font=font)
