"""What preprocessing means, slowly, in float64: docs/numerics.md in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]

# Where each format keeps r g b, or y u v: (plane, first byte, bytes from sample to sample).
CHANNELS = {
    "rgb": [(0, 0, 3), (0, 1, 3), (0, 2, 3)],
    "bgr": [(0, 2, 3), (0, 1, 3), (0, 0, 3)],
    "rgba": [(0, 0, 4), (0, 1, 4), (0, 2, 4)],
    "bgra": [(0, 2, 4), (0, 1, 4), (0, 0, 4)],
    "gray": [(0, 0, 1), (0, 0, 1), (0, 0, 1)],
    "nv12": [(0, 0, 1), (1, 0, 2), (1, 1, 2)],
    "nv21": [(0, 0, 1), (1, 1, 2), (1, 0, 2)],
    "i420": [(0, 0, 1), (1, 0, 1), (2, 0, 1)],
    "yuyv": [(0, 0, 2), (0, 1, 4), (0, 3, 4)],
    "uyvy": [(0, 1, 2), (0, 0, 4), (0, 2, 4)],
}
HALF_ROWS = {"nv12", "nv21", "i420"}
PACKED = {"yuyv", "uyvy"}


def place(
    frame: tuple[int, int], size: tuple[int, int], fit: str, anchor: str
) -> tuple[int, int, int, int]:
    """Left, top, width, height of the picture in the input, as Ultralytics' LetterBox has them."""
    if fit == "stretch":
        return 0, 0, size[1], size[0]
    ratio = min(size[0] / frame[0], size[1] / frame[1])
    width, height = max(1, round(frame[1] * ratio)), max(1, round(frame[0] * ratio))
    if anchor == "top-left":
        return 0, 0, width, height
    left = round((size[1] - width) / 2 - 0.1)
    top = round((size[0] - height) / 2 - 0.1)
    return left, top, width, height


def taps(
    picture: int, size: int, group: int, interpolation: str, chroma: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Float64Array]:
    """First and second sample of each output pixel, and the share of the second one."""
    index = np.arange(picture)
    centre = (index + 0.5) * size / picture
    if interpolation == "nearest":
        centre = (2 * index + 1) * size // (2 * picture) + 0.5
    samples = -(-size // group)
    if chroma == "bilinear":
        centre, size = centre / group, samples
    first = np.floor(centre - 0.5).astype(np.int64)
    weight = centre - 0.5 - first
    low, high = np.clip(first, 0, size - 1), np.clip(first + 1, 0, size - 1)
    if chroma == "nearest":
        low, high = low // group, high // group
    return low, high, weight


def resize(
    plane: Float64Array,
    frame: tuple[int, int],
    picture: tuple[int, int],
    groups: tuple[int, int],
    interpolation: str,
    chroma: str,
) -> Float64Array:
    """One channel at the picture's size; a sample serves `groups` pixels, down and across."""
    low, high, weight = taps(picture[0], frame[0], groups[0], interpolation, chroma)
    rows = plane[low] * (1 - weight)[:, None] + plane[high] * weight[:, None]
    low, high, weight = taps(picture[1], frame[1], groups[1], interpolation, chroma)
    return rows[:, low] * (1 - weight) + rows[:, high] * weight


def to_rgb(yuv: Float64Array, color: str) -> Float64Array:
    red, blue = (0.299, 0.114) if color.startswith("bt601") else (0.2126, 0.0722)
    green = 1 - red - blue
    y, u, v = yuv[..., 0], yuv[..., 1] - 128, yuv[..., 2] - 128
    if color.endswith("limited"):
        y, u, v = (y - 16) * 255 / 219, u * 255 / 224, v * 255 / 224
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / green
    return np.clip(np.stack([r, g, b], -1), 0, 255)


def pixels(
    frame: Any,
    size: tuple[int, int],
    *,
    fit: str = "letterbox",
    anchor: str = "center",
    interpolation: str = "bilinear",
    chroma: str = "bilinear",
    channels: str = "rgb",
    pad_value: int = 114,
) -> Float64Array:
    """Pixel levels of the model input, (h, w, 3), before mean and std; `frame` has .planes."""
    shape = frame.height, frame.width
    left, top, width, height = place(shape, size, fit, anchor)
    yuv = frame.format in HALF_ROWS or frame.format in PACKED
    parts = []
    for c, (plane, offset, step) in enumerate(CHANNELS[frame.format]):
        rows = frame.planes[plane].astype(np.float64)
        samples = rows.reshape(rows.shape[0], -1)[:, offset::step]
        groups = (1, 1)
        if yuv and c > 0:
            groups = (2 if frame.format in HALF_ROWS else 1, 2)
        filtering = chroma if groups != (1, 1) else "bilinear"
        parts.append(resize(samples, shape, (height, width), groups, interpolation, filtering))
    picture = np.stack(parts, -1)
    if yuv:
        picture = to_rgb(picture, frame.color)
    if channels == "bgr":
        picture = picture[..., ::-1]
    out = np.full((*size, 3), float(pad_value))
    out[top : top + height, left : left + width] = picture
    return out


def values(
    pixel: Float64Array,
    dtype: str,
    mean: Any = 0.0,
    std: Any = 1.0,
    scale: float | None = None,
    zero_point: int | None = None,
) -> npt.NDArray[Any]:
    """Tensor values of pixel levels."""
    real = (pixel - np.asarray(mean)) / np.asarray(std)
    if dtype == "float32":
        return real
    limits = np.iinfo(dtype)
    steps = np.rint(real / (scale or 1.0)) + (zero_point or 0)
    return np.clip(steps, limits.min, limits.max)


def unmap(xyxy: Any, frame: tuple[int, int], size: tuple[int, int], fit: str, anchor: str) -> Any:
    left, top, width, height = place(frame, size, fit, anchor)
    boxes = np.asarray(xyxy, np.float64) - [left, top, left, top]
    boxes *= [frame[1] / width, frame[0] / height] * 2
    return np.clip(boxes, 0, [frame[1], frame[0]] * 2)
