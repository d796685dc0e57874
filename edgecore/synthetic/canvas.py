"""Drawing of textured parallelograms in perspective, far ones first."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgecore.synthetic.camera import NEAR_M, Camera, FloatArray, clip_near, floats
from edgecore.synthetic.texture import Texture

SCENERY = 0
NOBODY = -1
"""Owner of shadows: whoever owned the pixel keeps it."""


_HALF = np.uint32(0x80000000)
SMALLEST_PX2 = 5.0
"""Faces whose frame is smaller than this are not drawn."""


class Face(NamedTuple):
    """A parallelogram: top left, top right and bottom left corners as float32 (3, 3) points."""

    corners: FloatArray
    texture: Texture


class Faces(NamedTuple):
    """Parallelograms to draw in turn, in camera axes; n of them.

    Attributes:
        corners: float32 (n, 3, 3), each as in `Face`.
        textures: n.
        owners: n; the object to enter for the covered pixels, SCENERY or NOBODY.
        haze: n shares of haze in the colour, 0..1.
    """

    corners: FloatArray
    textures: list[Texture]
    owners: list[int]
    haze: list[float]


class Canvas:
    """A picture, and for each pixel the number of the object it shows (0: scenery)."""

    def __init__(self, camera: Camera, haze: tuple[int, int, int]) -> None:
        self.camera = camera
        self.pixels = np.zeros((camera.height, camera.width), np.uint32)
        self.owners = np.zeros((camera.height, camera.width), np.uint8)
        self._haze = haze
        self._columns = (
            np.arange(camera.width, dtype=np.float32) + np.float32(0.5 - camera.width / 2)
        ) / np.float32(camera.focal_px)
        self._rows = (
            np.arange(camera.height, dtype=np.float32) + np.float32(0.5 - camera.horizon_px)
        ) / np.float32(camera.focal_px)

    def draw(self, faces: Faces) -> tuple[FloatArray, dict[int, int]]:
        """Blend in the faces whose front is seen.

        Returns:
            float32 (n, 4): each face's x0, y0, x1, y1 in pixels, seen or not and not clipped to
            the picture, NaN where it lies behind the camera; and for each owner above zero the
            number of pixels it had when it was drawn.
        """
        origin = faces.corners[:, 0]
        across = faces.corners[:, 1] - origin
        down = faces.corners[:, 2] - origin
        normal = np.cross(across, down)
        bounds = self._bounds(faces.corners)
        first = np.maximum(np.floor(np.nan_to_num(bounds[:, :2])), 0).astype(int)
        last = np.ceil(np.nan_to_num(bounds[:, 2:]))
        last = np.minimum(last, (self.camera.width, self.camera.height)).astype(int)
        seen = (normal * origin).sum(axis=1) > 0
        seen &= (first < last).all(axis=1) & ~np.isnan(bounds[:, 0])
        sizes = np.nan_to_num(bounds[:, 2:] - bounds[:, :2])
        seen &= (sizes.min(axis=1) > 0.8) & (sizes.prod(axis=1) > SMALLEST_PX2)
        owners = np.array(faces.owners)

        flat = (normal[:, 0] == 0) & (normal[:, 1] == 0) & (down[:, 0] == 0) & (across[:, 1] == 0)
        planes = np.stack([np.cross(down, origin), np.cross(origin, across), normal], axis=1)
        drawn: dict[int, int] = {}
        spans = np.concatenate([first, last], axis=1)
        order = np.flatnonzero(seen)
        for index, next_index in zip(order.tolist(), [*order[1:].tolist(), -1], strict=True):
            owner = faces.owners[index]
            wide, tall = sizes[index].tolist()
            texels = faces.textures[index].copy_for(wide, tall, faces.haze[index], self._haze)
            x0, y0, x1, y1 = spans[index].tolist()
            found = self._sample(texels, planes[index], bool(flat[index]), (x0, y0, x1, y1))
            if owner == NOBODY:
                self._blend(y0, x0, found)
                continue
            covered = found >= _HALF
            np.copyto(self.pixels[y0:y1, x0:x1], found, where=covered)
            np.copyto(self.owners[y0:y1, x0:x1], np.uint8(owner), where=covered)
            if owner > 0 and (next_index < 0 or faces.owners[next_index] != owner):
                own = spans[seen & (owners == owner)]
                x0, y0 = own[:, :2].min(axis=0).tolist()
                x1, y1 = own[:, 2:].max(axis=0).tolist()
                drawn[owner] = int(np.count_nonzero(self.owners[y0:y1, x0:x1] == owner))
        return bounds, drawn

    def _bounds(self, corners: FloatArray) -> FloatArray:
        fourth = corners[:, 1] + corners[:, 2] - corners[:, 0]
        outlines = np.stack([corners[:, 0], corners[:, 1], fourth, corners[:, 2]], axis=1)
        image = self.camera.project(
            np.maximum(outlines, floats([-np.inf, -np.inf, NEAR_M])).reshape(-1, 3)
        ).reshape(-1, 4, 2)
        bounds = np.concatenate([image.min(axis=1), image.max(axis=1)], axis=1)
        for index in np.flatnonzero(outlines[..., 2].min(axis=1) < NEAR_M):
            clipped = clip_near(outlines[index])
            bounds[index] = np.nan
            if len(clipped) >= 3:
                part = self.camera.project(clipped)
                bounds[index] = [*part.min(axis=0), *part.max(axis=0)]
        return bounds

    def _sample(
        self,
        texels: npt.NDArray[np.uint32],
        planes: FloatArray,
        flat: bool,
        span: tuple[int, int, int, int],
    ) -> npt.NDArray[np.uint32]:
        """The texels seen at the pixels of the span: where their rays meet the face's plane."""
        x0, y0, x1, y1 = span
        height, width = texels.shape[0] - 2, texels.shape[1] - 2
        (ux, uy, uz), (vx, vy, vz), (nx, ny, nz) = planes.tolist()
        columns, rows = self._columns[x0:x1], self._rows[y0:y1]
        if flat:
            u = columns * (ux * width / nz) + (uz * width / nz + 1)
            v = rows * (vy * height / nz) + (vz * height / nz + 1)
            column = np.minimum(np.maximum(u, 0), width + 1).astype(np.int32)
            row = np.minimum(np.maximum(v, 0), height + 1).astype(np.int32)
            seen: npt.NDArray[np.uint32] = texels.take(row, axis=0).take(column, axis=1)
            return seen
        rows = rows[:, None]
        # Zero or less: the ray meets the plane only behind the camera.
        inverse = 1 / np.maximum(columns * nx + (rows * ny + nz), 1e-6)
        u = (columns * (ux * width) + (rows * (uy * width) + uz * width)) * inverse + 1
        v = (columns * (vx * height) + (rows * (vy * height) + vz * height)) * inverse + 1
        column = np.minimum(np.maximum(u, 0), width + 1).astype(np.int32)
        row = np.minimum(np.maximum(v, 0), height + 1).astype(np.int32)
        row *= width + 2
        row += column
        seen = texels.ravel().take(row)
        return seen

    def _blend(self, y0: int, x0: int, found: npt.NDArray[np.uint32]) -> None:
        """Mix the texels in by their alpha."""
        height, width = found.shape
        place = self.pixels[y0 : y0 + height, x0 : x0 + width]
        # Two colours at a time: red and blue lie 16 bits apart, and no product is wider.
        alpha = found >> 24
        clear = 255 - alpha
        red_blue = (found & 0xFF00FF) * alpha + (place & 0xFF00FF) * clear
        green = (found >> 8 & 0xFF) * alpha + (place >> 8 & 0xFF) * clear
        np.bitwise_or(red_blue >> 8 & 0xFF00FF, green & 0xFF00, out=place)
