"""Frames and options of preprocessing as hypothesis draws them, and the twin's verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from hypothesis import strategies as st

from edgecore import Frame, isa, preprocess
from edgecore.frame import ColorSpace, PixelFormat
from tests.reference import preprocess as twin

FORMATS: tuple[PixelFormat, ...] = get_args(PixelFormat)
COLORS: tuple[ColorSpace, ...] = get_args(ColorSpace)
YUV: tuple[PixelFormat, ...] = ("nv12", "nv21", "i420", "yuyv", "uyvy", "p010")
BAYER: tuple[PixelFormat, ...] = ("rggb", "bggr", "grbg", "gbrg")
INTERPOLATIONS = ["bilinear", "area", "nearest"]
# Of a pixel level, before rounding; derived in docs/numerics.md.
BOUND = {"bilinear": 0.125, "nearest": 0.125, "area": 0.25}
# Of float32 beside it: 2^-23 of the gain's and the offset's term, each at most 510 levels.
FLOAT_LEVELS = 510 * 2**-22


def make_frame(
    format: PixelFormat,
    width: int,
    height: int,
    color: ColorSpace = "bt601-limited",
    pad: int = 0,
    seed: int = 0,
) -> Frame:
    """Noise, the hardest picture, in separate planes whose rows lie `pad` bytes apart."""
    rng = np.random.default_rng([seed, width, height])
    blank = Frame(bytes(4 * (width + 2) * (height + 2)), width, height, format)
    planes = []
    for shape in (plane.shape for plane in blank.planes):
        row = int(np.prod(shape[1:]))
        padded = rng.integers(0, 256, (shape[0], row + pad), np.uint8)
        planes.append(padded[:, :row])
    return Frame(tuple(planes), width, height, format, color=color)


@st.composite
def regions(draw: Any, width: int, height: int) -> Any:
    """None, whole pixels or parts of pixels."""
    unit = draw(st.sampled_from([None, 1, 16, 256]))
    if unit is None:
        return None
    x = sorted(draw(st.sets(st.integers(0, width * unit), min_size=2, max_size=2)))
    y = sorted(draw(st.sets(st.integers(0, height * unit), min_size=2, max_size=2)))
    return x[0] / unit, y[0] / unit, x[1] / unit, y[1] / unit


GEOMETRY = {
    "fit": st.sampled_from(["letterbox", "stretch", "crop"]),
    "anchor": st.sampled_from(["center", "top-left"]),
    "rotate": st.sampled_from([0, 90, 180, 270]),
    "mirror": st.booleans(),
}


@st.composite
def values(draw: Any, channels: str) -> dict[str, Any]:
    """dtype, mean, std, scale and zero_point; a step of an integer is 1/4 level or more."""
    count = 1 if channels == "gray" else 3

    def one_or_each(number: Any) -> Any:
        return draw(st.one_of(number, st.tuples(*[number] * count)))

    made: dict[str, Any] = {"dtype": draw(st.sampled_from(["uint8", "int8", "float32", "float16"]))}
    if draw(st.booleans()):
        made["mean"] = one_or_each(st.floats(0, 255))
        made["std"] = one_or_each(st.floats(0.5, 300))
    if made["dtype"] in ("uint8", "int8") and draw(st.booleans()):
        levels_per_step = draw(st.floats(0.25, 40))
        made["scale"] = levels_per_step / float(np.min(made.get("std", 1.0)))
        made["zero_point"] = draw(st.integers(0, 255)) - (128 if made["dtype"] == "int8" else 0)
    return made


@st.composite
def cases(
    draw: Any,
    frame: tuple[int, int] = (45, 45),
    tensor: tuple[int, int] = (45, 45),
    formats: Sequence[PixelFormat] = FORMATS,
) -> tuple[Frame, dict[str, Any]]:
    """A frame of up to these sides, and a value for every option of `preprocess`."""
    width, height = draw(st.integers(1, frame[0])), draw(st.integers(1, frame[1]))
    made = make_frame(
        draw(st.sampled_from(formats)),
        width,
        height,
        draw(st.sampled_from(COLORS)),
        draw(st.integers(0, 9)),
    )
    channels = draw(st.sampled_from(["rgb", "bgr", "gray"]))
    options = {
        "size": (draw(st.integers(1, tensor[0])), draw(st.integers(1, tensor[1]))),
        **{name: draw(choices) for name, choices in GEOMETRY.items()},
        "interpolation": draw(st.sampled_from(INTERPOLATIONS)),
        "chroma": draw(st.sampled_from(["bilinear", "nearest"])),
        "channels": channels,
        "layout": draw(st.sampled_from(["nhwc", "nchw"])),
        "pad_value": draw(st.integers(0, 255)),
        "roi": draw(regions(width, height)),
        **draw(values(channels)),
    }
    return made, options


def assert_within_bound(
    frame: Frame,
    size: tuple[int, int],
    *,
    dtype: Any = "float32",
    layout: Any = "nhwc",
    mean: Any = 0.0,
    std: Any = 1.0,
    scale: float | None = None,
    zero_point: int | None = None,
    **picture: Any,
) -> None:
    """On every instruction set: integers to a step of the twin's, floats to BOUND levels."""
    made: dict[str, Any] = {"mean": mean, "std": std, "scale": scale, "zero_point": zero_point}
    expected = twin.values(twin.pixels(frame, size, **picture), dtype, **made)
    bound = BOUND[picture.get("interpolation", "bilinear")] + FLOAT_LEVELS
    half_ulp = np.abs(expected) * 2**-11 + 2**-25 if dtype == "float16" else 0.0
    tolerance = 1 if dtype in ("uint8", "int8") else bound / np.asarray(std) + half_ulp
    for name in isa.available():
        with isa.pinned(name):
            got = preprocess(frame, size, dtype=dtype, layout=layout, **made, **picture)
        assert got.dtype == np.dtype(dtype)
        if layout == "nchw":
            assert got.shape == (expected.shape[2], *size)
            got = got.transpose(1, 2, 0)
        assert got.shape == expected.shape
        excess = np.abs(got.astype(np.float64) - expected) - tolerance
        assert excess.max() <= 0, f"{name}: off by {excess.max()} beyond what is allowed"
