"""Frames as a camera delivers them: planes, strides, pixel format, colour space, capture time."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from edgecore import _native

PixelFormat: TypeAlias = Literal[
    "rgb",
    "bgr",
    "rgba",
    "bgra",
    "gray",
    "nv12",
    "nv21",
    "i420",
    "yuyv",
    "uyvy",
    "p010",
    "rggb",
    "bggr",
    "grbg",
    "gbrg",
]
ColorSpace: TypeAlias = Literal["bt601-limited", "bt601-full", "bt709-limited", "bt709-full"]
UInt8Array: TypeAlias = npt.NDArray[np.uint8]

MAX_SIDE: Final = _native.MAX_SIDE
Shape: TypeAlias = tuple[int, int, int]
FrameKind: TypeAlias = tuple[PixelFormat, ColorSpace, int, int]


class Frame:
    """One picture, as views of the memory it came in; nothing is copied.

    Args:
        data: the pixels, uint8, or for p010 little-endian uint16 or uint8 of the same memory.
            One of
            a flat array or any bytes-like object, planes one after the other;
            an array of the format's own shape: (h, w, 3) for rgb and bgr, (h, w, 4) for rgba and
            bgra, (h, w) for gray and Bayer, (h, w, 2) or (h, 2w) for yuyv and uyvy at even widths;
            a C-contiguous (rows, stride) array holding all planes of nv12, nv21, i420 or p010;
            a tuple with one array or bytes-like object for each plane: luma (h, w) and, at half
            size rounded up, chroma (h/2, w/2, 2) or (h/2, w) for nv12, nv21 and p010, two of
            (h/2, w/2) for i420. As bytes, rows of p010 are twice as long.
            Rows may lie any distance apart, downwards or upwards; pixels in a row may not.
        width, height: pixels, 1 to 32768.
        format: rgb, bgr, rgba, bgra, gray, nv12, nv21, i420, yuyv, uyvy; p010, as nv12 of
            little-endian 16-bit words, the value in the high 10 bits and zero below; or a Bayer
            mosaic, rggb, bggr, grbg or gbrg: the colours of the top left 2 x 2 pixels, row by row.
        strides: bytes from row to row in flat data, one for each plane, or the first plane's alone
            (i420's chroma then has half of it, rounded up). Default: rows are packed.
        color: what the YUV values mean: bt601-limited, bt601-full, bt709-limited or bt709-full.
            Other formats ignore it.
        timestamp_ns: capture time, CLOCK_MONOTONIC nanoseconds, or None where it is not known.

    Attributes:
        planes: uint8 views, one a plane: (rows, columns), or (rows, columns, channels) where a
            sample has more than one byte. A sample of yuyv and uyvy holds two pixels, one of p010
            the two bytes of a word, or the four of U and V.
        kind: (format, color, width, height), all that a preprocessing plan depends on.

    Raises:
        TypeError: data is not uint8 (p010: nor uint16), or pixels of a row are not next to each
            other.
        ValueError: a size, format, colour space or stride out of range, or data of the wrong shape
            or too short.
    """

    __slots__ = ("color", "format", "height", "kind", "planes", "timestamp_ns", "width")

    def __init__(
        self,
        data: Any,
        width: int,
        height: int,
        format: PixelFormat = "nv12",
        strides: int | Sequence[int] | None = None,
        color: ColorSpace = "bt601-limited",
        timestamp_ns: int | None = None,
    ) -> None:
        try:
            layout = _layout(format, color, width, height)
        except TypeError:
            layout = None
        if layout is None:  # arguments of a wrong type, or without a hash
            layout = _layout.__wrapped__(format, color, width, height)
        kind, packed, shapes = layout
        self.kind: Final = kind
        self.format: Final = kind[0]
        self.color: Final = kind[1]
        self.width: Final = kind[2]
        self.height: Final = kind[3]
        self.timestamp_ns: Final = None if timestamp_ns is None else operator.index(timestamp_ns)
        planes = packed(data) if strides is None else None
        if planes is None:
            planes = (
                self._from_planes(data, shapes, strides)
                if isinstance(data, tuple | list)
                else self._from_whole(_as_array(data, format), shapes, strides)
            )
        self.planes: Final[tuple[UInt8Array, ...]] = planes

    def __repr__(self) -> str:
        return f"<Frame {self._name} {self.color}>"

    def to_rgb(self) -> UInt8Array:
        """The picture as a new uint8 (height, width, 3) RGB array, for people to look at."""
        from edgecore.preprocessing import preprocess

        rgb: UInt8Array = preprocess(self, (self.height, self.width), fit="stretch")
        return rgb

    @property
    def _name(self) -> str:
        return f"{self.format} {self.width}x{self.height}"

    def _from_planes(
        self, data: Sequence[Any], shapes: Sequence[Shape], strides: int | Sequence[int] | None
    ) -> tuple[UInt8Array, ...]:
        if len(data) != len(shapes):
            raise ValueError(f"{self._name} has {len(shapes)} planes, got {len(data)}")
        steps: Sequence[int | None] = [None] * len(shapes)
        if strides is not None:
            steps = _checked_strides(strides, shapes)
        planes = []
        for i, (part, shape, stride) in enumerate(zip(data, shapes, steps, strict=True)):
            array, name = _as_array(part, self.format), f"plane {i} of {self._name}"
            if array.ndim > 1 and stride is None:
                planes.append(_natural(array, shape, name))
            else:
                row_bytes = [shape[1] * shape[2] if stride is None else stride]
                planes += _carve(_flat(array, name), [shape], row_bytes, name)
        return tuple(planes)

    def _from_whole(
        self, array: UInt8Array, shapes: Sequence[Shape], strides: int | Sequence[int] | None
    ) -> tuple[UInt8Array, ...]:
        if array.ndim > 1 and strides is None:
            if len(shapes) == 1:
                return (_natural(array, shapes[0], self._name),)
            if array.ndim == 2 and array.shape[1] > shapes[0][1] * shapes[0][2]:
                strides = array.shape[1]
        if strides is None:
            steps: Sequence[int] = [columns * channels for _, columns, channels in shapes]
        else:
            steps = _checked_strides(strides, shapes)
        return tuple(_carve(_flat(array, self._name), shapes, steps, self._name))


def checked_side(name: str, value: int) -> int:
    """`value` as an int, if it is a width or height a frame can have."""
    try:
        side = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int, got {type(value).__name__}") from None
    if not 1 <= side <= MAX_SIDE:
        raise ValueError(f"{name} must be 1 to {MAX_SIDE} pixels, got {side}")
    return side


def checked_choice(name: str, value: str, choices: Any) -> Any:
    """`value`, if it is one of the names of the Literal `choices`."""
    names = get_args(choices)
    if value not in names:
        raise ValueError(f"{name} must be one of {', '.join(names)}; got {value!r}")
    return value


class _Layout(NamedTuple):
    kind: FrameKind
    packed: Callable[[Any], tuple[UInt8Array, ...] | None]
    shapes: list[Shape]


# Typed, so that 4.0 is not taken for 4; an exception is not kept.
@lru_cache(maxsize=64, typed=True)
def _layout(format: PixelFormat, color: ColorSpace, width: int, height: int) -> _Layout:
    """Checked arguments of frames of one kind, and where their planes lie."""
    width, height = checked_side("width", width), checked_side("height", height)
    kind = (
        checked_choice("format", format, PixelFormat),
        checked_choice("color", color, ColorSpace),
        width,
        height,
    )
    layout = _native.FrameLayout(format, width, height)
    return _Layout(kind, layout.packed, layout.shapes)


def _as_array(data: Any, format: str) -> UInt8Array:
    if not isinstance(data, np.ndarray):
        try:
            data = np.frombuffer(data, np.uint8)
        except (TypeError, BufferError) as reason:
            raise TypeError(
                "frame data must be a uint8 array or a contiguous bytes-like object, "
                f"got {type(data).__name__}: {reason}"
            ) from None
        except ValueError:
            data = np.empty(0, np.uint8)
    if format == "p010" and data.dtype == np.dtype("<u2"):
        return _bytes_of(data)
    if data.dtype != np.uint8:
        expected = "uint16 or uint8 for p010" if format == "p010" else "uint8"
        raise TypeError(f"frame data must be {expected}, got {data.dtype}")
    array: UInt8Array = data
    return array


def _bytes_of(words: npt.NDArray[np.uint16]) -> UInt8Array:
    """The same memory; the two bytes of a word lie along the last axis."""
    try:
        return np.atleast_1d(words).view(np.uint8)
    except ValueError:
        raise TypeError(
            f"words of a row must lie next to each other, got strides {words.strides} for shape "
            f"{words.shape}"
        ) from None


def _flat(array: UInt8Array, name: str) -> UInt8Array:
    if not array.flags.c_contiguous:
        raise TypeError(
            f"{name}: flat data must be C-contiguous, got strides {array.strides} for shape "
            f"{array.shape}; pass a tuple of planes instead"
        )
    return array.reshape(-1)


def _checked_strides(strides: int | Sequence[int], shapes: Sequence[Shape]) -> list[int]:
    if isinstance(strides, Sequence):
        steps = [operator.index(s) for s in strides]
    else:
        first = operator.index(strides)
        steps = [first]
        for _, _, channels in shapes[1:]:
            steps.append(first if channels > 1 else (first + 1) // 2)
    if len(steps) != len(shapes):
        raise ValueError(f"strides must have {len(shapes)} entries, got {len(steps)}")
    for i, (step, (_, columns, channels)) in enumerate(zip(steps, shapes, strict=True)):
        if step < columns * channels:
            raise ValueError(
                f"stride of plane {i} must be at least {columns * channels} bytes, got {step}"
            )
    return steps


def _carve(
    flat: UInt8Array, shapes: Sequence[Shape], strides: Sequence[int], name: str
) -> list[UInt8Array]:
    """Planes one after the other; the last row needs no padding behind it."""
    starts, start, needed = [], 0, 0
    for (rows, columns, channels), stride in zip(shapes, strides, strict=True):
        starts.append(start)
        needed = start + stride * (rows - 1) + columns * channels
        start += stride * rows
    if flat.size < needed:
        raise ValueError(
            f"{name} with strides {tuple(strides)} needs {needed} bytes, got {flat.size}"
        )
    return [
        np.ndarray(_named(shape), np.uint8, flat, start, _steps(shape, stride))
        for start, shape, stride in zip(starts, shapes, strides, strict=True)
    ]


def _natural(array: UInt8Array, shape: Shape, name: str) -> UInt8Array:
    rows, columns, channels = shape
    rests = [(columns, channels), (columns * channels,)]
    if name.startswith(("yuyv", "uyvy")):
        rests.append((columns * 2, 2))
    if array.ndim < 2 or array.shape[0] != rows or array.shape[1:] not in rests:
        raise ValueError(f"{name} must have shape {_named(shape)}, got {array.shape}")
    step = 1
    for size, stride in zip(array.shape[:0:-1], array.strides[:0:-1], strict=True):
        if size > 1 and stride != step:
            raise TypeError(
                f"{name}: bytes of a row must lie next to each other, got strides {array.strides} "
                f"for shape {array.shape}"
            )
        step *= size
    if array.shape == _named(shape):
        return array
    return np.lib.stride_tricks.as_strided(array, _named(shape), _steps(shape, array.strides[0]))


def _named(shape: Shape) -> tuple[int, ...]:
    return shape if shape[2] > 1 else shape[:2]


def _steps(shape: Shape, stride: int) -> tuple[int, ...]:
    return (stride, shape[2], 1) if shape[2] > 1 else (stride, 1)
