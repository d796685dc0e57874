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
    "p010": [(0, 0, 2), (1, 0, 4), (1, 2, 4)],
}
HALF_ROWS = {"nv12", "nv21", "i420", "p010"}
PACKED = {"yuyv", "uyvy"}
BAYER = {"rggb", "bggr", "grbg", "gbrg"}
SUBPIXELS = 256


def place(
    region: tuple[float, float], size: tuple[int, int], fit: str, anchor: str
) -> tuple[int, int, int, int]:
    """Left, top, width, height of the picture in the input; `region` is what it shows, upright."""
    if fit == "stretch":
        return 0, 0, size[1], size[0]
    if fit == "crop":
        # torchvision: Resize of the shorter side, then CenterCrop.
        height, width = size
        if region[1] * size[0] > region[0] * size[1]:
            width = int(region[1] * size[0] / region[0])
        else:
            height = int(region[0] * size[1] / region[1])
        if anchor == "top-left":
            return 0, 0, width, height
        return -round((width - size[1]) / 2), -round((height - size[0]) / 2), width, height
    # Ultralytics' LetterBox.
    ratio = min(size[0] / region[0], size[1] / region[1])
    width, height = max(1, round(region[1] * ratio)), max(1, round(region[0] * ratio))
    if anchor == "top-left":
        return 0, 0, width, height
    left = round((size[1] - width) / 2 - 0.1)
    top = round((size[0] - height) / 2 - 0.1)
    return left, top, width, height


def weights(
    picture: int,
    start: float,
    stop: float,
    samples: int,
    group: int,
    interpolation: str,
    chroma: str,
) -> Float64Array:
    """(picture, samples): how much of each sample an output pixel holds, along one axis.

    The picture's pixels share the frame's pixels `start` to `stop`; a sample serves `group`.
    """
    step = (stop - start) / picture
    index = np.arange(picture)
    out = np.zeros((picture, samples))
    grid = group if chroma == "bilinear" else 1
    if interpolation == "area" and step > grid:
        near, far = (start + index * step)[:, None], (start + (index + 1) * step)[:, None]
        edge = np.arange(samples) * group
        return np.clip(np.minimum(far, edge + group) - np.maximum(near, edge), 0, None) / step
    low, high = int(start), int(np.ceil(stop)) - 1
    centre = start + (index + 0.5) * step
    if interpolation == "nearest":
        # In exact integers: a centre may lie on the border of two pixels.
        exact = round(start * SUBPIXELS), round(stop * SUBPIXELS)
        pixel = (2 * picture * exact[0] + (2 * index + 1) * (exact[1] - exact[0])) // (
            2 * picture * SUBPIXELS
        )
        centre = pixel + 0.5
    place = centre / grid - 0.5
    first = np.floor(place).astype(np.int64)
    share = place - first
    for offset, part in ((0, 1 - share), (1, share)):
        sample = np.clip(first + offset, low // grid, high // grid)
        np.add.at(out, (index, sample if grid == group else sample // group), part)
    return out


def to_rgb(yuv: Float64Array, color: str) -> Float64Array:
    red, blue = luma_weights(color)
    green = 1 - red - blue
    y, u, v = yuv[..., 0], yuv[..., 1] - 128, yuv[..., 2] - 128
    if color.endswith("limited"):
        y, u, v = (y - 16) * 255 / 219, u * 255 / 224, v * 255 / 224
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / green
    return np.clip(np.stack([r, g, b], -1), 0, 255)


def luma_weights(color: str) -> tuple[float, float]:
    return (0.299, 0.114) if color.startswith("bt601") else (0.2126, 0.0722)


def to_gray(channels: Float64Array, frame: Any, yuv: bool) -> Float64Array:
    """Luma alone, expanded to 0..255, or the luma of three channels."""
    if yuv:
        expanded = channels[..., 0]
        if frame.color.endswith("limited"):
            expanded = (expanded - 16) * 255 / 219
        return np.clip(expanded, 0, 255)[..., None]
    red, blue = luma_weights(frame.color)
    luma: Float64Array = channels @ np.array([red, 1 - red - blue, blue])
    return luma[..., None]


def demosaic(mosaic: npt.NDArray[np.uint8], format: str) -> npt.NDArray[np.uint8]:
    """(h, w, 3): a missing channel is the mean of those of the 8 pixels around that have it."""
    height, width = mosaic.shape
    modes: Any = ["reflect" if side > 1 else "edge" for side in mosaic.shape]
    padded = np.pad(mosaic.astype(np.int64), ((1, 1), (0, 0)), modes[0])
    padded = np.pad(padded, ((0, 0), (1, 1)), modes[1])

    def sum_of(*places: tuple[int, int]) -> npt.NDArray[np.int64]:
        parts = [padded[1 + y : 1 + y + height, 1 + x : 1 + x + width] for y, x in places]
        return np.sum(parts, axis=0)

    beside, over = sum_of((0, -1), (0, 1)), sum_of((-1, 0), (1, 0))
    corners = sum_of((-1, -1), (-1, 1), (1, -1), (1, 1))
    out = np.zeros((height, width, 3), np.uint8)
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        own = "rgb".index(format[2 * y + x])
        here = np.s_[y::2, x::2]
        out[here][..., own] = mosaic[here]
        if own == 1:
            row = "rgb".index(format[2 * y + 1 - x])
            out[here][..., row] = (beside[here] + 1) // 2
            out[here][..., 2 - row] = (over[here] + 1) // 2
        else:
            out[here][..., 1] = (beside[here] + over[here] + 2) // 4
            out[here][..., 2 - own] = (corners[here] + 2) // 4
    return out


def channels_of(frame: Any) -> list[Float64Array]:
    """Samples of r g b, or y u v, each on its own grid."""
    if frame.format in BAYER:
        return list(np.moveaxis(demosaic(frame.planes[0], frame.format).astype(np.float64), 2, 0))
    out = []
    for plane, offset, step in CHANNELS[frame.format]:
        rows = frame.planes[plane].astype(np.float64)
        rows = rows.reshape(rows.shape[0], -1)
        samples = rows[:, offset::step]
        if frame.format == "p010":  # low byte, high byte
            samples = rows[:, offset + 1 :: step] + samples / 256
        out.append(samples)
    return out


def region_of(frame: Any, roi: Any) -> tuple[float, float, float, float]:
    if roi is None:
        return 0.0, 0.0, float(frame.width), float(frame.height)
    x0, y0, x1, y1 = (round(edge * SUBPIXELS) / SUBPIXELS for edge in roi)
    return x0, y0, x1, y1


def pixels(
    frame: Any,
    size: tuple[int, int],
    *,
    fit: str = "letterbox",
    anchor: str = "center",
    rotate: int = 0,
    mirror: bool = False,
    interpolation: str = "bilinear",
    chroma: str = "bilinear",
    channels: str = "rgb",
    pad_value: int = 114,
    roi: Any = None,
) -> Float64Array:
    """Pixel levels of the model input, (h, w, c), before mean and std; `frame` has .planes."""
    x0, y0, x1, y1 = region_of(frame, roi)
    turned = rotate in (90, 270)
    shown = (x1 - x0, y1 - y0) if turned else (y1 - y0, x1 - x0)
    left, top, width, height = place(shown, size, fit, anchor)
    upright = (width, height) if turned else (height, width)
    yuv = frame.format in HALF_ROWS or frame.format in PACKED
    parts = []
    for c, samples in enumerate(channels_of(frame)):
        groups = (1, 1)
        if yuv and c > 0:
            groups = (2 if frame.format in HALF_ROWS else 1, 2)
        down = weights(upright[0], y0, y1, samples.shape[0], groups[0], interpolation, chroma)
        across = weights(upright[1], x0, x1, samples.shape[1], groups[1], interpolation, chroma)
        parts.append(down @ samples @ across.T)
    picture = np.stack(parts, -1)
    if channels == "gray":
        picture = to_gray(picture, frame, yuv)
    elif yuv:
        picture = to_rgb(picture, frame.color)
    if channels == "bgr":
        picture = picture[..., ::-1]
    picture = np.rot90(picture, -rotate // 90)
    if mirror:
        picture = picture[:, ::-1]
    out = np.full((*size, picture.shape[2]), float(pad_value))
    inside = out[max(top, 0) : top + height, max(left, 0) : left + width]
    inside[...] = picture[max(-top, 0) :, max(-left, 0) :][: inside.shape[0], : inside.shape[1]]
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
    if dtype.startswith("float"):
        return real
    limits = np.iinfo(dtype)
    steps = np.rint(real / (scale or 1.0)) + (zero_point or 0)
    return np.clip(steps, limits.min, limits.max)


def unmap(
    points: Any,
    frame: Any,
    size: tuple[int, int],
    *,
    fit: str = "letterbox",
    anchor: str = "center",
    rotate: int = 0,
    mirror: bool = False,
    roi: Any = None,
) -> Float64Array:
    """Points (n, 2) of the model input as points of the frame, one turn at a time; not clipped."""
    x0, y0, x1, y1 = region_of(frame, roi)
    shown = (x1 - x0, y1 - y0) if rotate in (90, 270) else (y1 - y0, x1 - x0)
    left, top, width, height = place(shown, size, fit, anchor)
    points = np.asarray(points, np.float64)
    x = (points[:, 0] - left) / width
    y = (points[:, 1] - top) / height
    if mirror:
        x = 1 - x
    for _ in range(rotate // 90):
        x, y = y, 1 - x
    return np.stack([x0 + x * (x1 - x0), y0 + y * (y1 - y0)], -1)
