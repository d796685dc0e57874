"""The ground: a strip of road in world metres, looked up by perspective row by row."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgecore.synthetic.camera import Camera, FloatArray, floats
from edgecore.synthetic.texture import Color, packed, planar, reach

LENGTH_M = 48.0
HALF_WIDTH_M = 40.96
CELL_X_M = 0.04
CELL_Z_M = 0.125
LEVELS = 6
_COLUMNS = round(2 * HALF_WIDTH_M / CELL_X_M)
_ROWS = round(LENGTH_M / CELL_Z_M)


class Layout(NamedTuple):
    """Where things lie across the road, in metres right of the middle of the ego lane."""

    lane_m: float
    lanes_left: int
    lanes_right: int
    median_m: float
    lanes_oncoming: int
    shoulder_m: float
    pavement_m: float

    @property
    def left_edge_m(self) -> float:
        """The left end of the lanes in our direction."""
        return -self.lane_m * (self.lanes_left + 0.5)

    @property
    def right_edge_m(self) -> float:
        """The right end of the lanes in our direction."""
        return self.lane_m * (self.lanes_right + 0.5)

    @property
    def far_left_m(self) -> float:
        """The left end of the tarmac, beyond the oncoming lanes."""
        if not self.lanes_oncoming:
            return self.left_edge_m - self.shoulder_m
        oncoming = self.lane_m * self.lanes_oncoming
        return self.left_edge_m - self.median_m - oncoming - self.shoulder_m

    @property
    def far_right_m(self) -> float:
        """The right end of the tarmac; a pavement, where there is one, begins here."""
        return self.right_edge_m + self.shoulder_m

    def oncoming_lane_m(self, index: int) -> float:
        """The middle of an oncoming lane, counted from the median."""
        return self.left_edge_m - self.median_m - self.lane_m * (index + 0.5)


class Ground:
    """A repeating strip of road, painted once, with coarser copies for the distance."""

    def __init__(self, rng: np.random.Generator, layout: Layout, light: Color) -> None:
        strip = _paint(rng, layout) * planar(light)
        levels, starts, start = [], [], 0
        for level in range(LEVELS):
            if level:
                strip = (strip[:, ::2] + strip[:, 1::2]) / 2
            if level > 3:
                strip = (strip[..., ::2] + strip[..., 1::2]) / 2
            levels.append(packed(strip * 255).ravel())
            starts.append(start)
            start += levels[-1].size
        self._cells = np.concatenate(levels)
        self._starts = np.array(starts, np.int32)

    def draw(
        self,
        pixels: npt.NDArray[np.uint32],
        camera: Camera,
        distance_m: float,
        curvature_per_m: float,
        offset_m: float,
    ) -> None:
        """Fill the rows below the horizon of uint32 (height, width) pixels.

        Args:
            pixels: the picture.
            camera: its camera.
            distance_m: the way travelled, by which the strip is pushed back.
            curvature_per_m: of the road, to the right.
            offset_m: of the camera, to the right of the middle of its lane.
        """
        first = max(int(camera.horizon_px) + 1, 0)
        rows = np.arange(first, camera.height, dtype=np.float32) + 0.5 - camera.horizon_px
        depth = camera.focal_px * camera.height_m / rows
        span = depth * depth / (camera.focal_px * camera.height_m)
        level = np.clip(np.log2(span / CELL_Z_M), 0, LEVELS - 1).astype(np.int32)
        cell_z = CELL_Z_M * 2.0**level
        cell_x = (CELL_X_M * 2.0 ** np.maximum(level - 3, 0)).astype(np.float32)
        width = np.round(2 * HALF_WIDTH_M / cell_x).astype(np.int32)
        z_cell = ((depth.astype(np.float64) + distance_m) % LENGTH_M / cell_z).astype(np.int32)
        start = self._starts[level] + z_cell * width

        columns = np.arange(camera.width, dtype=np.float32) + np.float32(0.5 - camera.width / 2)
        step = (depth / camera.focal_px / cell_x).astype(np.float32)
        shift = HALF_WIDTH_M + offset_m - curvature_per_m * depth * depth / 2
        x_cell = columns * step[:, None] + (shift / cell_x)[:, None].astype(np.float32)
        index = np.clip(x_cell, 0, (width - 1)[:, None].astype(np.float32)).astype(np.int32)
        index += start[:, None]
        pixels[first:] = self._cells.take(index)


def _paint(rng: np.random.Generator, layout: Layout) -> FloatArray:
    """The strip as float32 (3, rows, columns) of 0..1."""
    x = np.arange(_COLUMNS, dtype=np.float32) * CELL_X_M - HALF_WIDTH_M
    z = np.arange(_ROWS, dtype=np.float32) * CELL_Z_M
    strip = np.empty((3, _ROWS, _COLUMNS), np.float32)

    grass = (rng.uniform(0.25, 0.55), rng.uniform(0.35, 0.6), rng.uniform(0.12, 0.35))
    blades = 1 + 0.25 * _noise(rng, 4) + 0.15 * _noise(rng, 1)
    np.multiply(planar(grass), blades, out=strip)

    tarmac = floats([1, 1, rng.uniform(0.98, 1.08)]) * rng.uniform(0.25, 0.5)
    road = reach((x > layout.far_left_m) & (x < layout.far_right_m))
    wear = 1 + 0.06 * np.cos((x[road] / layout.lane_m + 0.5) * 4 * np.pi)
    grains = 1 + 0.1 * _noise(rng, 1, road) + 0.08 * _noise(rng, 16, road)
    np.multiply(planar(tarmac), grains * wear, out=strip[..., road])
    for _ in range(int(rng.integers(0, 5))):
        x0, z0 = rng.uniform(layout.far_left_m, layout.far_right_m), rng.uniform(0, 40)
        patch = (x > x0) & (x < min(x0 + rng.uniform(0.4, 3), layout.far_right_m))
        rows = (z > z0) & (z < z0 + rng.uniform(0.5, 7))
        strip[:, reach(rows), reach(patch)] *= rng.uniform(0.7, 1.2)

    if layout.pavement_m:
        start = layout.far_right_m
        slab = reach((x > start) & (x < start + layout.pavement_m))
        stone = floats([0.55, 0.53, 0.5]) * rng.uniform(0.8, 1.2)
        np.multiply(planar(stone), 1 + 0.08 * _noise(rng, 8, slab), out=strip[..., slab])
        strip[..., reach((x > start - 0.05) & (x < start + 0.18))] = 0.66

    paint = floats([0.93, 0.93, 0.9]) * rng.uniform(0.75, 1.0)
    yellow = floats([0.9, 0.72, 0.2])
    lines = [(layout.right_edge_m, False), (layout.left_edge_m, False)]
    first, last = -layout.lanes_left, layout.lanes_right
    lines += [(layout.lane_m * (lane + 0.5), True) for lane in range(first, last)]
    if layout.lanes_oncoming:
        near = layout.left_edge_m - layout.median_m
        far = near - layout.lane_m * layout.lanes_oncoming
        lines += [(near, layout.median_m == 0 and layout.lanes_oncoming == 1), (far, False)]
        lines += [(near - layout.lane_m * k, True) for k in range(1, layout.lanes_oncoming)]
        if layout.median_m > 1:
            median = reach((x > near + 0.5) & (x < layout.left_edge_m - 0.5))
            lawn = floats(grass) * rng.uniform(0.8, 1.2)
            np.multiply(planar(lawn), 1 + 0.3 * _noise(rng, 2, median), out=strip[..., median])
    dash_m = rng.choice([3.0, 4.0, 6.0])
    edge = yellow if rng.random() < 0.25 else paint
    for middle, dashed in lines:
        line = reach(np.abs(x - middle) < 0.07)
        rows = (z % 12 < dash_m) if dashed else np.ones(_ROWS, bool)
        worn = 1 + 0.12 * _noise(rng, 1, line)
        color = planar(paint if dashed else edge)
        np.multiply(color, worn, out=strip[..., line], where=rows[:, None])
    return strip


def _noise(rng: np.random.Generator, cell: int, columns: slice = slice(None)) -> FloatArray:
    """Random -1..1 per cell of the strip; cells are `cell` rows deep and thrice as wide.

    All of them are drawn, whichever columns are asked for.
    """
    wide = 3 * cell
    values = floats(rng.uniform(-1, 1, (_ROWS // cell, -(-_COLUMNS // wide))))
    across = values[:, np.arange(_COLUMNS)[columns] // wide]
    return np.repeat(across, cell, axis=0)
