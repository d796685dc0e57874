"""The pinhole camera behind every rendered picture: level, looking along the road."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

NEAR_M = 0.6

FloatArray = npt.NDArray[np.float32]


def floats(values: npt.ArrayLike) -> FloatArray:
    """The values as a float32 array."""
    return np.asarray(values, np.float32)


class Camera(NamedTuple):
    """Camera axes: x right, y down, z along the road; the ground is the plane y = height_m.

    A point (x, y, z) in metres falls on column width/2 + focal_px * x / z and on row
    horizon_px + focal_px * y / z, both in pixels with (0, 0) the corner of the first pixel.
    """

    width: int
    height: int
    focal_px: float
    height_m: float
    horizon_px: float

    def project(self, points: FloatArray) -> FloatArray:
        """Float32 (n, 2) pixels of float32 (n, 3) points, each with z > 0."""
        scaled = points[:, :2] * (self.focal_px / points[:, 2:])
        scaled += floats([self.width / 2, self.horizon_px])
        return scaled


def dash_cam(width: int = 640, height: int = 384) -> Camera:
    """The camera of the live scene: about 55 degrees wide, 1.3 m above the road."""
    return Camera(width, height, 0.95 * width, 1.3, 0.45 * height)


def clip_near(points: FloatArray) -> FloatArray:
    """The part of a convex polygon, float32 (n, 3), that lies in front of the near plane."""
    depth = points[:, 2]
    if depth.min() >= NEAR_M:
        return points
    kept = []
    for here, there in zip(points, np.roll(points, -1, axis=0), strict=True):
        if here[2] >= NEAR_M:
            kept.append(here)
        if (here[2] >= NEAR_M) != (there[2] >= NEAR_M):
            share = (NEAR_M - here[2]) / (there[2] - here[2])
            kept.append(here + share * (there - here))
    return floats(kept).reshape(-1, 3)
