"""Painting of small RGBA pictures, and their half-sized copies for distant drawing."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgecore.synthetic.camera import floats

Color = tuple[float, float, float]
Point = tuple[float, float]
_Hazed = tuple[tuple[int, int, int], dict[tuple[int, int], npt.NDArray[np.uint32]]]

# Sensor noise of up to this many levels is added without saturation, so all colours leave room.
HEADROOM = 10
_HAZE_STEPS = 32


class Texture:
    """A picture in uint32 RGBA texels and its copies: coarser ones, and those seen through haze.

    Each copy has a clear border of one texel in the colour of the edge.
    """

    def __init__(self, levels: Sequence[npt.NDArray[np.uint32]]) -> None:
        self.levels = tuple(levels)
        self._hazed: _Hazed = ((0, 0, 0), {})

    def copy_for(
        self, width_px: float, height_px: float, haze: float, haze_color: tuple[int, int, int]
    ) -> npt.NDArray[np.uint32]:
        """The coarsest copy still as fine as the screen one way, with this share of haze."""
        level = 0
        for texels in self.levels[:-1]:
            fits = texels.shape[1] - 2 <= 1.5 * width_px or texels.shape[0] - 2 <= 1.5 * height_px
            if fits:
                break
            level += 1
        step = round(haze * _HAZE_STEPS)
        if step == 0:
            return self.levels[level]
        color, copies = self._hazed
        if color != haze_color:  # of another place, which shares this texture
            copies = {}
            self._hazed = haze_color, copies
        hazed = copies.get((level, step))
        if hazed is None:
            texels = np.ascontiguousarray(self.levels[level]).view(np.uint8)
            rgba = texels.reshape(*self.levels[level].shape, 4).astype(np.float32)
            rgba[..., :3] += (floats(haze_color) - rgba[..., :3]) * (step / _HAZE_STEPS)
            hazed = copies[level, step] = packed(rgba)
        return hazed

    def mirrored(self) -> "Texture":
        """The same, left and right exchanged."""
        return Texture([np.ascontiguousarray(level[:, ::-1]) for level in self.levels])


class Light(NamedTuple):
    """What falls on a surface: a colour for each direction, and whether lamps are on."""

    color: Color
    rear: float
    left: float
    right: float
    top: float
    lamps: bool


class Brush:
    """A picture being painted; coordinates run 0..1 from the top left, colours 0..1."""

    def __init__(self, height: int, width: int) -> None:
        self._rgb = np.zeros((height, width, 3), np.float32)
        self._alpha = np.zeros((height, width), np.float32)
        self._emits = np.zeros((height, width), bool)
        self._y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
        self._x = ((np.arange(width, dtype=np.float32) + 0.5) / width)[None, :]

    def _fill(self, where: npt.NDArray[np.bool_], color: Color, alpha: float, emits: bool) -> None:
        self._rgb[where] = color
        self._alpha[where] = alpha
        self._emits[where] = emits

    def rectangle(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        color: Color,
        *,
        alpha: float = 1.0,
        emits: bool = False,
    ) -> None:
        """Fill the rectangle; `emits` is a lamp, which the light of the scene does not change."""
        where = (self._x >= x0) & (self._x < x1) & (self._y >= y0) & (self._y < y1)
        self._fill(where, color, alpha, emits)

    def ellipse(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        color: Color,
        *,
        alpha: float = 1.0,
        emits: bool = False,
    ) -> None:
        """Fill the ellipse of centre (x, y)."""
        where = ((self._x - x) / rx) ** 2 + ((self._y - y) / ry) ** 2 < 1
        self._fill(where, color, alpha, emits)

    def polygon(self, points: Sequence[Point], color: Color, *, alpha: float = 1.0) -> None:
        """Fill the polygon (even-odd rule)."""
        inside = np.zeros(self._alpha.shape, bool)
        for (xa, ya), (xb, yb) in zip(points, [*points[1:], points[0]], strict=True):
            if ya == yb:
                continue
            crosses = (self._y > min(ya, yb)) & (self._y <= max(ya, yb))
            inside ^= crosses & (self._x < xa + (self._y - ya) * ((xb - xa) / (yb - ya)))
        self._fill(inside, color, alpha, False)

    def limb(self, a: Point, b: Point, thickness: float, color: Color) -> None:
        """Fill a round-ended stroke from a to b; thickness as a share of the width."""
        aspect = self._alpha.shape[0] / self._alpha.shape[1]
        ax, ay, bx, by = a[0], a[1] * aspect, b[0], b[1] * aspect
        dx, dy = bx - ax, by - ay
        y = self._y * aspect
        along = ((self._x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-6)
        along = np.clip(along, 0, 1)
        distance2 = (self._x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2
        self._fill(distance2 < (thickness / 2) ** 2, color, 1.0, False)

    def grain(self, rng: np.random.Generator, amount: float, cell: int = 1) -> None:
        """Vary the brightness by a random share of up to `amount` per cell."""
        height, width = self._alpha.shape
        noise = rng.uniform(1 - amount, 1 + amount, (-(-height // cell), -(-width // cell)))
        spread = np.kron(noise, np.ones((cell, cell)))[:height, :width, None]
        self._rgb *= spread.astype(np.float32)

    def shade(self, top: float, bottom: float) -> None:
        """Darken or lighten from `top` at the upper edge to `bottom` at the lower one."""
        self._rgb *= (top + (bottom - top) * self._y)[..., None]

    def soften(self, passes: int) -> None:
        """Blur the alpha: for shadows and glows."""
        for _ in range(passes):
            for axis in (0, 1):
                around = np.roll(self._alpha, 1, axis) + np.roll(self._alpha, -1, axis)
                self._alpha = floats(self._alpha / 2 + around / 4)

    def crop(self) -> tuple[float, float, float, float]:
        """Cut away the clear margins; what is left, as x0, y0, x1, y1 of the former picture."""
        rows = np.flatnonzero(self._alpha.any(axis=1))
        columns = np.flatnonzero(self._alpha.any(axis=0))
        height, width = self._alpha.shape
        y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        self._rgb = self._rgb[y0:y1, x0:x1]
        self._alpha = self._alpha[y0:y1, x0:x1]
        self._emits = self._emits[y0:y1, x0:x1]
        return x0 / width, y0 / height, x1 / width, y1 / height

    def finish(self, light: Color, shade: float = 1.0) -> Texture:
        """The picture under this light, with its smaller copies."""
        lit = np.where(self._emits[..., None], self._rgb, self._rgb * (floats(light) * shade))
        rgba = np.concatenate([lit * 255, self._alpha[..., None] * 255], axis=2)
        levels = [packed(bordered(rgba))]
        while min(rgba.shape[:2]) >= 4:
            rgba = halved(rgba)
            levels.append(packed(bordered(rgba)))
        return Texture(levels)


def halved(rgba: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Means of 2x2 texels, colours weighted by alpha."""
    rgba = rgba[: rgba.shape[0] // 2 * 2, : rgba.shape[1] // 2 * 2]
    parts = (rgba[::2, ::2], rgba[1::2, ::2], rgba[::2, 1::2], rgba[1::2, 1::2])
    alpha = sum(part[..., 3:] for part in parts)
    color = sum(part[..., :3] * part[..., 3:] for part in parts)
    return np.concatenate([color / np.maximum(alpha, 1e-3), alpha / 4], axis=2)


def bordered(rgba: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The same with a ring of clear texels in the colour of the edge."""
    height, width, channels = rgba.shape
    grown = np.empty((height + 2, width + 2, channels), rgba.dtype)  # np.pad takes 20 times as long
    grown[1:-1, 1:-1] = rgba
    grown[0], grown[-1] = grown[1], grown[-2]
    grown[:, 0], grown[:, -1] = grown[:, 1], grown[:, -2]
    alpha = grown[..., 3]
    alpha[0] = alpha[-1] = 0
    alpha[:, 0] = alpha[:, -1] = 0
    return grown


def packed(rgba: npt.NDArray[np.float32]) -> npt.NDArray[np.uint32]:
    """Float (h, w, 3 or 4) of 0..255 as uint32 (h, w), colours kept clear of both ends."""
    texels = np.full((*rgba.shape[:2], 4), 255, np.uint8)
    texels[..., :3] = np.clip(rgba[..., :3], HEADROOM, 255 - HEADROOM)
    if rgba.shape[2] == 4:
        texels[..., 3] = np.clip(rgba[..., 3], 0, 255)
    return texels.view(np.uint32)[..., 0]
