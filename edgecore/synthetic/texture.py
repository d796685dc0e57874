"""Painting of small RGBA pictures, and their half-sized copies for distant drawing.

Pictures are float32 planes, (channels, height, width), until they are packed: a road has hundreds
of them, all before its first frame.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from edgecore.synthetic.camera import FloatArray, floats

Color = tuple[float, float, float]
Point = tuple[float, float]
_Hazed = tuple[tuple[int, int, int], dict[tuple[int, int], npt.NDArray[np.uint32]]]

# Sensor noise of up to this many levels is added without saturation, so all colours leave room.
HEADROOM = 10
_HAZE_STEPS = 32
_COLOR = np.uint32(0x00FFFFFF)
"""The bits of a texel that are not its alpha."""


class Texture:
    """A picture in uint32 RGBA texels and its copies: coarser ones, and those seen through haze.

    Each copy has a clear border of one texel in the colour of the edge.

    Args:
        make: the levels, finest first; called when they are first needed, as most of a road's
            textures are far away for long.
    """

    def __init__(self, make: Callable[[], Sequence[npt.NDArray[np.uint32]]]) -> None:
        self._make: Callable[[], Sequence[npt.NDArray[np.uint32]]] | None = make
        self._levels: Sequence[npt.NDArray[np.uint32]] = ()
        self._hazed: _Hazed = ((0, 0, 0), {})

    @property
    def levels(self) -> Sequence[npt.NDArray[np.uint32]]:
        """The picture and its coarser copies, finest first."""
        make = self._make
        if make is not None:  # any thread may be the first
            self._levels = make()
            self._make = None  # and what it was made of
        return self._levels

    def copy_for(
        self, width_px: float, height_px: float, haze: float, haze_color: tuple[int, int, int]
    ) -> npt.NDArray[np.uint32]:
        """The coarsest copy still as fine as the screen one way, with this share of haze."""
        level, levels = 0, self.levels
        for texels in levels[:-1]:
            fits = texels.shape[1] - 2 <= 1.5 * width_px or texels.shape[0] - 2 <= 1.5 * height_px
            if fits:
                break
            level += 1
        step = round(haze * _HAZE_STEPS)
        if step == 0:
            return levels[level]
        color, copies = self._hazed
        if color != haze_color:  # of another place, which shares this texture
            copies = {}
            self._hazed = haze_color, copies
        hazed = copies.get((level, step))
        if hazed is None:
            planes = floats([levels[level] >> shift & 0xFF for shift in (0, 8, 16, 24)])
            planes[:3] += (planar(haze_color) - planes[:3]) * (step / _HAZE_STEPS)
            hazed = copies[level, step] = packed(planes)
        return hazed

    def mirrored(self) -> "Texture":
        """The same, left and right exchanged."""
        return Texture(lambda: [np.ascontiguousarray(level[:, ::-1]) for level in self.levels])


class Light(NamedTuple):
    """What falls on a surface: a colour for each direction, and whether lamps are on."""

    color: Color
    rear: float
    left: float
    right: float
    top: float
    lamps: bool


def planar(color: npt.ArrayLike) -> FloatArray:
    """A colour as float32 (3, 1, 1), to stand beside planes."""
    return floats(color).reshape(3, 1, 1)


def reach(row: npt.NDArray[np.bool_]) -> slice:
    """From the first to the last place where it is true."""
    places = np.flatnonzero(row)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)


class Brush:
    """A picture being painted; coordinates run 0..1 from the top left, colours 0..1."""

    def __init__(self, height: int, width: int) -> None:
        # Red, green, blue, alpha, and whether it is a lamp.
        self._planes = np.zeros((5, height, width), np.float32)
        self._y = (np.arange(height, dtype=np.float32) + 0.5) / height
        self._x = (np.arange(width, dtype=np.float32) + 0.5) / width

    def _fill(
        self,
        rows: slice,
        columns: slice,
        color: Color,
        alpha: float,
        *,
        where: npt.NDArray[np.bool_] | Literal[True] = True,
        emits: bool = False,
    ) -> None:
        """Paints those texels of a window; nothing outside it is looked at."""
        window = self._planes[:, rows, columns]
        np.copyto(window, floats((*color, alpha, emits))[:, None, None], where=where)

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
        self._fill(_span(self._y, y0, y1), _span(self._x, x0, x1), color, alpha, emits=emits)

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
        across, down = ((self._x - x) / rx) ** 2, ((self._y - y) / ry) ** 2
        rows, columns = reach(down < 1), reach(across < 1)
        where = across[columns] + down[rows, None] < 1
        self._fill(rows, columns, color, alpha, where=where, emits=emits)

    def polygon(self, points: Sequence[Point], color: Color, *, alpha: float = 1.0) -> None:
        """Fill the polygon (even-odd rule)."""
        inside = np.zeros(self._planes.shape[1:], bool)
        for (xa, ya), (xb, yb) in zip(points, [*points[1:], points[0]], strict=True):
            if ya == yb:
                continue
            rows = reach((self._y > min(ya, yb)) & (self._y <= max(ya, yb)))
            inside[rows] ^= self._x < xa + (self._y[rows, None] - ya) * ((xb - xa) / (yb - ya))
        self._fill(slice(None), slice(None), color, alpha, where=inside)

    def limb(self, a: Point, b: Point, thickness: float, color: Color) -> None:
        """Fill a round-ended stroke from a to b; thickness as a share of the width."""
        height, width = self._planes.shape[1:]
        aspect = height / width
        ax, ay, bx, by = a[0], a[1] * aspect, b[0], b[1] * aspect
        dx, dy = bx - ax, by - ay
        beyond = thickness / 2 + 2 / width  # a texel more than it can touch
        y = self._y * aspect
        rows = _span(y, min(ay, by) - beyond, max(ay, by) + beyond)
        columns = _span(self._x, min(ax, bx) - beyond, max(ax, bx) + beyond)
        x, y = self._x[columns], y[rows, None]
        along = ((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-6)
        along = np.minimum(np.maximum(along, 0), 1)
        distance2 = (x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2
        self._fill(rows, columns, color, 1.0, where=distance2 < (thickness / 2) ** 2)

    def grain(self, rng: np.random.Generator, amount: float, cell: int = 1) -> None:
        """Vary the brightness by a random share of up to `amount` per cell."""
        height, width = self._planes.shape[1:]
        noise = rng.uniform(1 - amount, 1 + amount, (-(-height // cell), -(-width // cell)))
        spread = np.repeat(np.repeat(floats(noise), cell, axis=0), cell, axis=1)
        self._planes[:3] *= spread[:height, :width]

    def shade(self, top: float, bottom: float) -> None:
        """Darken or lighten from `top` at the upper edge to `bottom` at the lower one."""
        self._planes[:3] *= (top + (bottom - top) * self._y)[:, None]

    def soften(self, passes: int) -> None:
        """Blur the alpha: for shadows and glows."""
        alpha = self._planes[3]
        for _ in range(passes):
            for axis in (0, 1):
                around = np.roll(alpha, 1, axis) + np.roll(alpha, -1, axis)
                alpha[:] = alpha / 2 + around / 4

    def crop(self) -> tuple[float, float, float, float]:
        """Cut away the clear margins; what is left, as x0, y0, x1, y1 of the former picture."""
        _, height, width = self._planes.shape
        rows = reach(self._planes[3].any(axis=1))
        columns = reach(self._planes[3].any(axis=0))
        self._planes = self._planes[:, rows, columns]
        return columns.start / width, rows.start / height, columns.stop / width, rows.stop / height

    def finish(self, light: Color, shade: float = 1.0) -> Texture:
        """The picture under this light, with its smaller copies."""
        planes = self._planes[:4].copy()
        np.multiply(planes[:3], planar(light) * shade, out=planes[:3], where=self._planes[4] == 0)
        planes *= 255
        return Texture(lambda: _levels(planes))


def _levels(planes: FloatArray) -> list[npt.NDArray[np.uint32]]:
    levels = [bordered(packed(planes))]
    while min(planes.shape[1:]) >= 4:
        planes = halved(planes)
        levels.append(bordered(packed(planes)))
    return levels


def _span(places: npt.NDArray[np.floating], first: float, end: float) -> slice:
    """Of rising places, those from `first` on and before `end`."""
    return slice(int(np.count_nonzero(places < first)), int(np.count_nonzero(places < end)))


def halved(planes: FloatArray) -> FloatArray:
    """Means of 2x2 texels of float (4, h, w), colours weighted by alpha."""
    height, width = planes.shape[1] // 2, planes.shape[2] // 2
    planes = planes[:, : height * 2, : width * 2]
    made = np.zeros((4, height, width), np.float32)
    for part in (planes[:, y::2, x::2] for x in (0, 1) for y in (0, 1)):
        made[:3] += part[:3] * part[3]
        made[3] += part[3]
    made[:3] /= np.maximum(made[3], 1e-3)
    made[3] /= 4
    return made


def bordered(texels: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """The same with a ring of clear texels in the colour of the edge."""
    height, width = texels.shape
    grown = np.empty((height + 2, width + 2), np.uint32)
    grown[1:-1, 1:-1] = texels
    grown[0, 1:-1], grown[-1, 1:-1] = texels[0], texels[-1]
    grown[:, 0], grown[:, -1] = grown[:, 1], grown[:, -2]
    for edge in (grown[0], grown[-1], grown[:, 0], grown[:, -1]):
        edge &= _COLOR
    return grown


def packed(planes: FloatArray) -> npt.NDArray[np.uint32]:
    """Float (3 or 4, h, w) of 0..255 as uint32 (h, w), colours kept clear of both ends."""
    texels = np.full((*planes.shape[1:], 4), 255, np.uint8)
    for channel, plane in enumerate(np.minimum(np.maximum(planes[:3], HEADROOM), 255 - HEADROOM)):
        texels[..., channel] = plane
    if len(planes) == 4:
        texels[..., 3] = np.minimum(np.maximum(planes[3], 0), 255)
    return texels.view(np.uint32)[..., 0]
