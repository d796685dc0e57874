"""Camera frames to model inputs: resize, colour, normalise, quantise and pad in one native pass."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from edgecore import _native
from edgecore.frame import Frame, UInt8Array, checked_choice, checked_side

__all__ = ["Preprocessor", "preprocess"]

Fit: TypeAlias = Literal["letterbox", "stretch"]
Anchor: TypeAlias = Literal["center", "top-left"]
Interpolation: TypeAlias = Literal["bilinear", "nearest"]
Chroma: TypeAlias = Literal["bilinear", "nearest"]
DType: TypeAlias = Literal["uint8", "int8", "float32"]
Layout: TypeAlias = Literal["nhwc"]
Channels: TypeAlias = Literal["rgb", "bgr"]

PLANS_KEPT: Final = 8
FLOAT32_MAX: Final = float(np.finfo(np.float32).max)


class Preprocessor:
    """A model's input, made from frames of any format; the geometry is worked out once a shape.

    Calling it fills one tensor: `plan(frame)` returns a new array, `plan(frame, out=array)` writes
    into memory of the caller's. One object may be called from several threads at once.

    Args:
        size: (height, width) of the model input, pixels, 1 to 32768 each.
        fit: letterbox keeps the aspect ratio and pads; stretch fills the input.
        anchor: where a letterboxed picture lies, center or top-left.
        rotate: degrees; 0.
        mirror: left to right; False.
        interpolation: bilinear or nearest, of half-pixel centres, clamped at edges.
        chroma: how YUV chroma is brought to a pixel: bilinear between its samples, which lie in the
            middle of the pixels they serve, or nearest, the sample the pixel belongs to.
        dtype: uint8, int8 or float32.
        mean, std: pixel levels, one number or one for each channel in the order of `channels`;
            real = (pixel - mean) / std, pixel from 0 to 255. std > 0.
        scale, zero_point: of integer tensors: rint(real / scale) + zero_point, clamped to the type.
            Default 1 and 0.
        layout: nhwc.
        channels: rgb or bgr.
        pad_value: pixel level of the padding, 0 to 255, before mean and std.
        roi: None, the whole frame.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: an argument out of range; the text names what is supported.

    Exactness: identical on every instruction set; within 1/8 of a pixel level of the float64
        definition in docs/numerics.md before mean and std, then within one step for integers.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        fit: Fit = "letterbox",
        anchor: Anchor = "center",
        rotate: int = 0,
        mirror: bool = False,
        interpolation: Interpolation = "bilinear",
        chroma: Chroma = "bilinear",
        dtype: DType = "uint8",
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        scale: float | None = None,
        zero_point: int | None = None,
        layout: Layout = "nhwc",
        channels: Channels = "rgb",
        pad_value: int = 114,
        roi: tuple[int, int, int, int] | None = None,
    ) -> None:
        try:
            height, width = size
        except (TypeError, ValueError):
            raise ValueError(f"size must be (height, width), got {size!r}") from None
        self.size: Final = (checked_side("height", height), checked_side("width", width))
        self.dtype: Final = np.dtype(checked_choice("dtype", dtype, DType))
        _checked_only("rotate", rotate, 0)
        _checked_only("mirror", mirror, False)
        _checked_only("roi", roi, None)
        checked_choice("layout", layout, Layout)
        self._options: Final[dict[str, Any]] = {
            "height": self.size[0],
            "width": self.size[1],
            "fit": checked_choice("fit", fit, Fit),
            "anchor": checked_choice("anchor", anchor, Anchor),
            "interpolation": checked_choice("interpolation", interpolation, Interpolation),
            "chroma": checked_choice("chroma", chroma, Chroma),
            "channels": checked_choice("channels", channels, Channels),
            "dtype": dtype,
            "pad_value": _checked_integer("pad_value", pad_value, 0, 255),
            **_checked_values(self.dtype, mean, std, scale, zero_point),
        }
        self._plans: dict[tuple[str, str, int, int], _native.PreprocessPlan] = {}

    def __call__(self, frame: Frame | UInt8Array, out: npt.NDArray[Any] | None = None) -> Any:
        """The frame as a tensor.

        Args:
            frame: a Frame, or uint8 (h, w, 3) RGB; rows may lie any distance apart.
            out: an array to fill, (height, width, 3) or (1, height, width, 3), of exactly the
                dtype, C-contiguous, aligned, writable, not overlapping the frame.

        Returns:
            `out`, or a new array (height, width, 3).

        Raises:
            TypeError: wrong dtype or layout; nothing is converted silently.
            ValueError: wrong shape, or a size out of range.
        """
        frame = as_frame(frame)
        shape = (*self.size, 3)
        if out is None:
            out = np.empty(shape, self.dtype)
        else:
            _check_out(out, shape, self.dtype)
        self._plan(frame.format, frame.color, frame.width, frame.height).run(frame.planes, out)
        return out

    def unmap(
        self, xyxy: npt.NDArray[np.float32], frame: Frame | UInt8Array
    ) -> npt.NDArray[np.float32]:
        """Boxes of the model input as boxes of the frame, clipped to it.

        Args:
            xyxy: float32 (n, 4): x0, y0, x1, y1 in pixels of the model input; NaN stays NaN.
            frame: the frame they were found in; only its size is used.

        Returns:
            float32 (n, 4), pixels of the frame, C-contiguous.

        Raises:
            TypeError: xyxy is not a float32 array.
            ValueError: xyxy is not (n, 4).
        """
        if not isinstance(xyxy, np.ndarray) or xyxy.dtype != np.float32:
            got = xyxy.dtype if isinstance(xyxy, np.ndarray) else type(xyxy).__name__
            raise TypeError(f"xyxy must be a float32 array, got {got}")
        if xyxy.ndim != 2 or xyxy.shape[1] != 4:
            raise ValueError(f"xyxy must have shape (n, 4), got {xyxy.shape}")
        frame = as_frame(frame)
        plan = self._plan(frame.format, frame.color, frame.width, frame.height)
        left, top, width, height = plan.placement
        sides = np.array([frame.width, frame.height] * 2, np.float64)
        boxes = (xyxy - np.array([left, top] * 2)) * (sides / np.array([width, height] * 2))
        clipped: npt.NDArray[np.float32] = np.clip(boxes, 0.0, sides).astype(np.float32)
        return clipped

    def _plan(self, format: str, color: str, width: int, height: int) -> _native.PreprocessPlan:
        key = (format, color, width, height)
        plan = self._plans.get(key)
        if plan is None:
            plan = _native.PreprocessPlan(
                format=format, color=color, frame_width=width, frame_height=height, **self._options
            )
            plans = dict(list(self._plans.items())[1 - PLANS_KEPT :])
            plans[key] = plan
            self._plans = plans
        return plan


def preprocess(
    frame: Frame | UInt8Array,
    size: tuple[int, int],
    *,
    fit: Fit = "letterbox",
    anchor: Anchor = "center",
    rotate: int = 0,
    mirror: bool = False,
    interpolation: Interpolation = "bilinear",
    chroma: Chroma = "bilinear",
    dtype: DType = "uint8",
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    scale: float | None = None,
    zero_point: int | None = None,
    layout: Layout = "nhwc",
    channels: Channels = "rgb",
    pad_value: int = 114,
    roi: tuple[int, int, int, int] | None = None,
    out: npt.NDArray[Any] | None = None,
) -> Any:
    """One frame as a model's input tensor: (height, width, 3) of `dtype`.

    Arguments, errors and exactness are those of `Preprocessor`, which is quicker for a stream of
    frames: it works out the geometry once.
    """
    plan = Preprocessor(
        size,
        fit=fit,
        anchor=anchor,
        rotate=rotate,
        mirror=mirror,
        interpolation=interpolation,
        chroma=chroma,
        dtype=dtype,
        mean=mean,
        std=std,
        scale=scale,
        zero_point=zero_point,
        layout=layout,
        channels=channels,
        pad_value=pad_value,
        roi=roi,
    )
    return plan(frame, out)


def as_frame(frame: Frame | UInt8Array) -> Frame:
    """A Frame as it is, an RGB array as a Frame of it.

    Raises:
        TypeError: neither of the two, or not uint8, or pixels of a row not next to each other.
        ValueError: an array that is not (h, w, 3).
    """
    if isinstance(frame, Frame):
        return frame
    if not isinstance(frame, np.ndarray):
        raise TypeError(
            f"frame must be an edgecore.Frame or a uint8 array, got {type(frame).__name__}"
        )
    if frame.dtype != np.uint8:
        raise TypeError(f"frame must be uint8, got {frame.dtype}")
    if frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"frame must have shape (h, w, 3), got {frame.shape}")
    return Frame(frame, frame.shape[1], frame.shape[0], "rgb")


def _check_out(out: Any, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a {dtype} array, got {type(out).__name__}")
    if out.dtype != dtype:
        raise TypeError(f"out must be {dtype}, got {out.dtype}")
    if out.shape not in (shape, (1, *shape)):
        raise ValueError(f"out must have shape {shape}, got {out.shape}")
    if not out.flags.c_contiguous:
        raise TypeError(f"out must be C-contiguous, got strides {out.strides}")
    if not out.flags.writeable or not out.flags.aligned:
        raise TypeError("out must be writable and aligned, got a read-only or unaligned array")


def _checked_only(name: str, value: Any, only: Any) -> None:
    if value is not only and (isinstance(value, np.ndarray) or value != only):
        raise ValueError(f"{name} must be {only}, got {value!r}")


def _checked_integer(name: str, value: int, low: int, high: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int, got {type(value).__name__}") from None
    if not low <= number <= high:
        raise ValueError(f"{name} must be {low} to {high}, got {number}")
    return number


def _checked_values(
    dtype: np.dtype[Any],
    mean: float | Sequence[float],
    std: float | Sequence[float],
    scale: float | None,
    zero_point: int | None,
) -> dict[str, Any]:
    means, stds = _three("mean", mean), _three("std", std)
    if dtype == np.float32:
        if scale is not None or zero_point is not None:
            raise ValueError(
                f"scale and zero_point are for integer dtypes, got {scale} and {zero_point} with "
                f"{dtype}"
            )
        step, zero = 1.0, 0
    else:
        step = 1.0 if scale is None else float(scale)
        if not (math.isfinite(step) and step > 0):
            raise ValueError(f"scale must be finite and > 0, got {step}")
        limits = np.iinfo(dtype)
        zero = _checked_integer("zero_point", zero_point or 0, limits.min, limits.max)
    if min(stds) <= 0:
        raise ValueError(f"std must be > 0, got {std}")
    for m, s in zip(means, stds, strict=True):
        largest = (255.0 + abs(m)) / s / step if s * step else math.inf
        if not largest <= FLOAT32_MAX:
            raise ValueError(
                f"(pixel - mean) / std / scale must fit float32, got mean {m}, std {s}, "
                f"scale {step}"
            )
    return {"mean": means, "std": stds, "scale": step, "zero_point": zero}


def _three(name: str, value: float | Sequence[float]) -> list[float]:
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be a number or three, got {value!r}")
    if array.shape not in ((), (3,)):
        raise ValueError(f"{name} must be a number or three, got shape {array.shape}")
    numbers = [float(v) for v in np.broadcast_to(array, (3,))]
    if not all(math.isfinite(v) for v in numbers):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return numbers
