"""The preprocessing workloads and their frames."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecore.benchmark.cold import taken_bytes
from edgecore.frame import Frame, PixelFormat
from edgecore.synthetic import rgb_to_nv12

UInt8Array = npt.NDArray[np.uint8]

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
PATCH = 21


@dataclass(frozen=True)
class Workload:
    """One job of the preprocessor.

    Args:
        key: one letter, as the figures name it.
        title: for people.
        format, width, height: of the frame.
        size: (height, width) of the model input.
        dtype, fit: of the model input.
        values: mean, std, scale and zero point, as the preprocessor takes them.
    """

    key: str
    title: str
    format: PixelFormat
    width: int
    height: int
    size: tuple[int, int]
    dtype: str
    fit: str
    values: dict[str, Any] = field(default_factory=dict, hash=False)

    def options(self, interpolation: str) -> dict[str, Any]:
        """The arguments of `edgecore.Preprocessor` behind `size`."""
        return {
            "fit": self.fit,
            "dtype": self.dtype,
            "interpolation": interpolation,
            **self.values,
        }

    def frame(self, data: UInt8Array) -> Frame:
        """The frame over `data`, one of `frames`."""
        return Frame(data, self.width, self.height, self.format)

    def levels(self, tensor: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Pixel levels that the tensor stands for."""
        real = tensor.astype(np.float64)
        if self.dtype != "float32":
            real = (real - self.values.get("zero_point", 0)) * self.values.get("scale", 1.0)
        std, mean = self.values.get("std", 1.0), self.values.get("mean", 0.0)
        levels: npt.NDArray[np.float64] = real * np.asarray(std) + np.asarray(mean)
        return levels


WORKLOADS = (
    Workload(
        "a",
        "NV12 1080p to 320x320 letterbox int8",
        "nv12",
        1920,
        1080,
        (320, 320),
        "int8",
        "letterbox",
        {"std": 255.0, "scale": 1 / 255, "zero_point": -128},
    ),
    Workload(
        "b",
        "NV12 1080p to 640x640 letterbox float32",
        "nv12",
        1920,
        1080,
        (640, 640),
        "float32",
        "letterbox",
        {"std": 255.0},
    ),
    Workload(
        "c",
        "YUYV 720p to 300x300 uint8",
        "yuyv",
        1280,
        720,
        (300, 300),
        "uint8",
        "stretch",
    ),
    Workload(
        "d",
        "RGB 1080p to 640x640 letterbox float32",
        "rgb",
        1920,
        1080,
        (640, 640),
        "float32",
        "letterbox",
        {"std": 255.0},
    ),
    Workload(
        "e",
        "BGR 640x480 to 224x224 crop float32 mean/std",
        "bgr",
        640,
        480,
        (224, 224),
        "float32",
        "crop",
        {"mean": IMAGENET_MEAN, "std": IMAGENET_STD},
    ),
)

"""Those of the figures, measured beside peers in bench/."""

CAMERA_WORKLOADS = (
    Workload(
        "f",
        "P010 1080p to 640x640 letterbox float32",
        "p010",
        1920,
        1080,
        (640, 640),
        "float32",
        "letterbox",
        {"std": 255.0},
    ),
    Workload(
        "g",
        "Bayer RGGB 1080p to 640x640 letterbox float32",
        "rggb",
        1920,
        1080,
        (640, 640),
        "float32",
        "letterbox",
        {"std": 255.0},
    ),
)
"""Further formats that sensors deliver; the other mosaics take as long as rggb."""


def picture(width: int, height: int, seed: int = 7) -> UInt8Array:
    """A seeded RGB picture: flat patches of 21 pixels with hard edges, a gradient, and noise.

    Levels stay between 60 and 205, so that no pixel leaves the YUV gamut where chroma of two
    patches mixes, and definitions that clamp before or after interpolating agree.
    """
    draw = np.random.default_rng(seed)
    colors = draw.integers(70, 166, (height // PATCH + 1, width // PATCH + 1, 3), np.uint8)
    patches = colors.repeat(PATCH, axis=0).repeat(PATCH, axis=1)[:height, :width].astype(np.int16)
    gradient = np.linspace(0, 30, width, dtype=np.int16)[None, :, None]
    noise = draw.integers(-10, 11, (height, width, 3), np.int16)
    rgb: UInt8Array = (patches + gradient + noise).astype(np.uint8)
    return rgb


def frame_bytes(workload: Workload, seed: int = 7) -> UInt8Array:
    """The picture in the workload's format, planes and rows packed."""
    rgb = picture(workload.width, workload.height, seed)
    if workload.format == "rgb":
        return rgb
    if workload.format == "bgr":
        return np.ascontiguousarray(rgb[..., ::-1])
    if workload.format == "nv12":
        return rgb_to_nv12(rgb)
    if workload.format == "p010":
        return _p010(rgb, seed)
    if workload.format == "rggb":
        return _rggb(rgb)
    return _yuyv(rgb)


def frames(workload: Workload, cold: bool) -> list[UInt8Array]:
    """One frame; or, for cold ones, copies that together take `taken_bytes`."""
    one = frame_bytes(workload)
    if not cold:
        return [one]
    return [one.copy() for _ in range(math.ceil(taken_bytes() / one.nbytes))]


def _yuyv(rgb: UInt8Array) -> UInt8Array:
    height, width = rgb.shape[:2]
    nv12 = rgb_to_nv12(rgb.repeat(2, axis=0))
    out = np.empty((height, width * 2), np.uint8)
    out[:, 0::2] = nv12[: 2 * height : 2]
    out[:, 1::2] = nv12[2 * height :]
    return out


def _p010(rgb: UInt8Array, seed: int) -> UInt8Array:
    """(3 h / 2, 2 w): the NV12 levels with two more bits of noise, in little-endian words."""
    high = rgb_to_nv12(rgb).astype("<u2") << 8
    low = np.random.default_rng(seed).integers(0, 4, high.shape, np.uint8).astype("<u2") << 6
    words: UInt8Array = (high | low).view(np.uint8)
    return words


def _rggb(rgb: UInt8Array) -> UInt8Array:
    mosaic = rgb[..., 1].copy()
    mosaic[0::2, 0::2] = rgb[0::2, 0::2, 0]
    mosaic[1::2, 1::2] = rgb[1::2, 1::2, 2]
    return mosaic
