"""Camera frames to model inputs: resize, colour, normalise, quantise and pad in one native pass."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from edgecore import _native
from edgecore.frame import Frame, FrameKind, UInt8Array, checked_choice, checked_side
from edgecore.regions import SUBPIXELS, check_inside, checked_regions

__all__ = ["Preprocessor", "preprocess"]

Fit: TypeAlias = Literal["letterbox", "stretch", "crop"]
Anchor: TypeAlias = Literal["center", "top-left"]
Rotate: TypeAlias = Literal[0, 90, 180, 270]
Interpolation: TypeAlias = Literal["bilinear", "area", "nearest"]
Chroma: TypeAlias = Literal["bilinear", "nearest"]
DType: TypeAlias = Literal["uint8", "int8", "float32", "float16"]
Layout: TypeAlias = Literal["nhwc", "nchw"]
Channels: TypeAlias = Literal["rgb", "bgr", "gray"]
Region: TypeAlias = tuple[float, float, float, float]
_Kept = TypeVar("_Kept")

PLANS_KEPT: Final = 8
MAX_THREADS: Final = 64


class Preprocessor:
    """A model's input, made from frames of any format; the geometry is worked out once a shape.

    Calling it fills one tensor: `plan(frame)` returns a new array, `plan(frame, out=array)` writes
    into memory of the caller's. One object may be called from several threads at once.

    Args:
        size: (height, width) of the model input, pixels, 1 to 32768 each.
        fit: letterbox keeps the aspect ratio and pads; stretch fills the input; crop keeps the
            aspect ratio and fills it, what is over is cut off.
        anchor: where a letterboxed or cropped picture lies, center or top-left.
        rotate: how far the picture is turned clockwise, 0, 90, 180 or 270 degrees.
        mirror: left and right exchanged, after turning.
        interpolation: bilinear or nearest, of half-pixel centres, clamped at edges; or area, the
            average over what an output pixel covers, bilinear along a side that grows.
        chroma: how YUV chroma is brought to a pixel: bilinear between its samples, which lie in the
            middle of the pixels they serve, or nearest, the sample the pixel belongs to.
        dtype: uint8, int8, float32 or float16.
        mean, std: pixel levels, one number or one for each channel in the order of `channels`;
            real = (pixel - mean) / std, pixel from 0 to 255. std > 0.
        scale, zero_point: of integer tensors: rint(real / scale) + zero_point, clamped to the type.
            Default 1 and 0.
        layout: nhwc or nchw.
        channels: rgb, bgr, or gray, the luma.
        pad_value: pixel level of the padding, 0 to 255, before mean and std.
        roi: (x0, y0, x1, y1) in pixels of the frame, the only part used, rounded to 1/256 pixel;
            None, the whole frame.
        num_threads: threads that share the rows of a tensor, the caller's included, 1 to 64. The
            others live as long as this object. A call that finds them serving another one does its
            work alone, and so does every call in a forked child.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: an argument out of range; the text names what is supported.
        RuntimeError: the system has no more threads.

    Exactness: identical on every instruction set and for every num_threads; within 1/8 of a pixel
        level, 1/4 for area, of the float64 definition in docs/numerics.md before mean and std, then
        within one step for integers.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        fit: Fit = "letterbox",
        anchor: Anchor = "center",
        rotate: Rotate = 0,
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
        roi: Region | None = None,
        num_threads: int = 1,
    ) -> None:
        try:
            height, width = size
        except (TypeError, ValueError):
            raise ValueError(f"size must be (height, width), got {size!r}") from None
        self.size: Final = (checked_side("height", height), checked_side("width", width))
        self.dtype: Final = np.dtype(checked_choice("dtype", dtype, DType))
        if rotate not in get_args(Rotate):
            raise ValueError(f"rotate must be 0, 90, 180 or 270 degrees, got {rotate!r}")
        if not isinstance(mirror, bool):
            raise TypeError(f"mirror must be a bool, got {mirror!r}")
        count = 1 if checked_choice("channels", channels, Channels) == "gray" else 3
        planar = checked_choice("layout", layout, Layout) == "nchw"
        self.shape: Final = (count, *self.size) if planar else (*self.size, count)
        self._roi: Final = None if roi is None else checked_regions("roi", roi)
        self._options: Final[dict[str, Any]] = {
            "height": self.size[0],
            "width": self.size[1],
            "fit": checked_choice("fit", fit, Fit),
            "anchor": checked_choice("anchor", anchor, Anchor),
            "quarter_turns": rotate // 90,
            "mirror": mirror,
            "interpolation": checked_choice("interpolation", interpolation, Interpolation),
            "chroma": checked_choice("chroma", chroma, Chroma),
            "channels": channels,
            "dtype": dtype,
            "planar": planar,
            "pad_value": _checked_integer("pad_value", pad_value, 0, 255),
            **_checked_values(self.dtype, count, mean, std, scale, zero_point),
        }
        threads = _checked_integer("num_threads", num_threads, 1, MAX_THREADS)
        self._pool: Final = _native.ThreadPool(threads) if threads > 1 else None
        self._plans: dict[FrameKind, _native.PreprocessPlan] = {}
        self._batches: dict[FrameKind, _native.PreprocessBatch] = {}

    def __call__(self, frame: Frame | UInt8Array, out: npt.NDArray[Any] | None = None) -> Any:
        """The frame as a tensor.

        Args:
            frame: a Frame, or uint8 (h, w, 3) RGB; rows may lie any distance apart.
            out: an array to fill, of the tensor's shape or with a 1 before it, of exactly the
                dtype, C-contiguous, aligned, writable, not overlapping the frame.

        Returns:
            `out`, or a new array: (height, width, channels), or (channels, height, width) for nchw.

        Raises:
            TypeError: wrong dtype or layout; nothing is converted silently.
            ValueError: wrong shape, or a size out of range, or a roi outside this frame; or `out`
                lies in the frame's memory, rows or between them.
        """
        if type(frame) is not Frame:
            frame = as_frame(frame)
        plan = self._plans.get(frame.kind) or self._plan(frame)
        if out is None:
            out = np.empty(self.shape, self.dtype)
        if not plan.run(frame.planes, out, self._pool):
            raise _wrong_out(out, self.shape, self.dtype)
        return out

    def batch(
        self, frame: Frame | UInt8Array, rois: npt.ArrayLike, out: npt.NDArray[Any] | None = None
    ) -> Any:
        """Many regions of one frame as one batch of tensors, for models of a second stage.

        Args:
            frame: as for a call.
            rois: (n, 4): x0, y0, x1, y1 in pixels of the frame, as `roi`, in place of it.
            out: an array to fill, (n, *shape), otherwise as for a call; with num_threads, its
                tensors are shared by the threads.

        Returns:
            `out`, or a new array; out[i] is what a Preprocessor with roi=rois[i] would give.

        Raises:
            TypeError, ValueError: as for a call, and rois that are not (n, 4) or not in the frame.
        """
        frame = as_frame(frame)
        regions = checked_regions("rois", rois)
        check_inside(regions, frame)
        shape = (len(regions), *self.shape)
        if out is None:
            out = np.empty(shape, self.dtype)
        elif not isinstance(out, np.ndarray) or out.shape != shape:
            got = out.shape if isinstance(out, np.ndarray) else type(out).__name__
            raise ValueError(f"out must be an array of shape {shape}, got {got}")
        if not self._batch(frame).run(frame.planes, regions.astype(np.int32), out, self._pool):
            raise _wrong_out(out, shape, self.dtype)
        return out

    def unmap(
        self, xyxy: npt.NDArray[np.float32], frame: Frame | UInt8Array
    ) -> npt.NDArray[np.float32]:
        """Boxes of the model input as boxes of the frame as it was delivered, clipped to it.

        Args:
            xyxy: float32 (n, 4): x0, y0, x1, y1 in pixels of the model input; NaN stays NaN.
            frame: the frame they were found in; only its size is used.

        Returns:
            float32 (n, 4), pixels of the frame, C-contiguous.

        Raises:
            TypeError: xyxy is not a float32 array.
            ValueError: xyxy is not (n, 4).
        """
        if type(frame) is not Frame:
            frame = as_frame(frame)
        plan = self._plans.get(frame.kind) or self._plan(frame)
        boxes = plan.unmap(xyxy)
        if boxes is None:
            raise _wrong_boxes(xyxy)
        return boxes

    def _plan(self, frame: Frame) -> _native.PreprocessPlan:
        plan = self._plans.get(frame.kind)
        if plan is None:
            region = _whole(frame)
            if self._roi is not None:
                check_inside(self._roi, frame)
                region = self._roi[0].tolist()
            plan = self._new_plan(frame, region)
            self._plans = _with_newest(self._plans, frame.kind, plan)
        return plan

    def _batch(self, frame: Frame) -> _native.PreprocessBatch:
        batch = self._batches.get(frame.kind)
        if batch is None:
            batch = _native.PreprocessBatch(self._new_plan(frame, _whole(frame)))
            self._batches = _with_newest(self._batches, frame.kind, batch)
        return batch

    def _new_plan(self, frame: Frame, region: Sequence[int]) -> _native.PreprocessPlan:
        return _native.PreprocessPlan(
            format=frame.format,
            color=frame.color,
            frame_width=frame.width,
            frame_height=frame.height,
            region=region,
            **self._options,
        )


def preprocess(
    frame: Frame | UInt8Array,
    size: tuple[int, int],
    *,
    fit: Fit = "letterbox",
    anchor: Anchor = "center",
    rotate: Rotate = 0,
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
    roi: Region | None = None,
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


def _whole(frame: Frame) -> list[int]:
    return [0, 0, frame.width * SUBPIXELS, frame.height * SUBPIXELS]


def _with_newest(
    kept: dict[FrameKind, _Kept], key: FrameKind, newest: _Kept
) -> dict[FrameKind, _Kept]:
    """A copy, so that other threads may go on reading the old one; the oldest give way."""
    return {**dict(list(kept.items())[1 - PLANS_KEPT :]), key: newest}


def _wrong_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Exception:
    """What is wrong with an array that cannot take the tensor."""
    if not isinstance(out, np.ndarray):
        return TypeError(f"out must be a {dtype} array, got {type(out).__name__}")
    if out.dtype != dtype:
        return TypeError(f"out must be {dtype}, got {out.dtype}")
    if out.shape not in (shape, (1, *shape)):
        return ValueError(f"out must have shape {shape}, got {out.shape}")
    if not out.flags.c_contiguous:
        return TypeError(f"out must be C-contiguous, got strides {out.strides}")
    return TypeError("out must be writable and aligned, got a read-only or unaligned array")


def _wrong_boxes(xyxy: Any) -> Exception:
    """What is wrong with boxes that cannot be brought back."""
    if not isinstance(xyxy, np.ndarray) or xyxy.dtype != np.float32:
        got = xyxy.dtype if isinstance(xyxy, np.ndarray) else type(xyxy).__name__
        return TypeError(f"xyxy must be a float32 array, got {got}")
    return ValueError(f"xyxy must have shape (n, 4), got {xyxy.shape}")


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
    channels: int,
    mean: float | Sequence[float],
    std: float | Sequence[float],
    scale: float | None,
    zero_point: int | None,
) -> dict[str, Any]:
    means, stds = _each("mean", mean, channels), _each("std", std, channels)
    if dtype.kind == "f":
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
    held = dtype if dtype.kind == "f" else np.dtype(np.float32)
    limit = float(np.finfo(held).max)
    if min(stds) <= 0:
        raise ValueError(f"std must be > 0, got {std}")
    for m, s in zip(means, stds, strict=True):
        largest = (255.0 + abs(m)) / s / step if s * step else math.inf
        if not largest <= limit:
            raise ValueError(
                f"(pixel - mean) / std / scale must fit {held}, got mean {m}, std {s}, scale {step}"
            )
    return {"mean": means, "std": stds, "scale": step, "zero_point": zero}


def _each(name: str, value: float | Sequence[float], channels: int) -> list[float]:
    """Three numbers, one for each channel; a lone channel has the first."""
    array = np.asarray(value)
    count = {1: "one", 3: "three"}[channels]
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be a number or {count}, got {value!r}")
    if array.shape not in ((), (channels,)):
        raise ValueError(f"{name} must be a number or {count}, got shape {array.shape}")
    numbers = [float(v) for v in np.broadcast_to(array, (3,))]
    if not all(math.isfinite(v) for v in numbers):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return numbers
