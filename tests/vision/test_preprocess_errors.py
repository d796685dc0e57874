"""A wrong frame, option or output says what was expected and what came."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from edgecore import Frame, Preprocessor, preprocess
from edgecore.frame import PixelFormat

RGB = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("frame", "error", "text"),
    [
        (np.zeros((4, 4, 3), np.float32), TypeError, "uint8, got float32"),
        (np.zeros((4, 4), np.uint8), ValueError, r"shape \(h, w, 3\), got \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, r"shape \(h, w, 3\), got \(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, "height must be 1 to 32768 pixels, got 0"),
        (np.zeros((4, 0, 3), np.uint8), ValueError, "width must be 1 to 32768 pixels, got 0"),
        (np.zeros((1, 40000, 3), np.uint8), ValueError, "got 40000"),
        (RGB[:, ::2], TypeError, "next to each other"),
        (RGB[..., ::-1], TypeError, "next to each other"),
        (RGB.transpose(1, 0, 2), TypeError, "next to each other"),
        ([[1, 2, 3]], TypeError, "got list"),
        (None, TypeError, "got NoneType"),
    ],
)
def test_a_wrong_frame_says_expected_and_got(frame: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        preprocess(frame, (2, 2))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"size": (0, 4)}, ValueError, "height must be 1 to 32768 pixels, got 0"),
        ({"size": (4, -1)}, ValueError, "width must be 1 to 32768 pixels, got -1"),
        ({"size": (4, 10**9)}, ValueError, "got 1000000000"),
        ({"size": 4}, ValueError, r"size must be \(height, width\), got 4"),
        ({"size": (4.0, 4)}, TypeError, "height must be an int, got float"),
        ({"fit": "fill"}, ValueError, "fit must be one of letterbox, stretch, crop; got 'fill'"),
        ({"anchor": "left"}, ValueError, "one of center, top-left; got 'left'"),
        ({"interpolation": "cubic"}, ValueError, "one of bilinear, .*nearest; got 'cubic'"),
        ({"chroma": "cubic"}, ValueError, "one of bilinear, nearest; got 'cubic'"),
        ({"dtype": "int16"}, ValueError, "one of uint8, int8, float32, float16; got 'int16'"),
        ({"layout": "chw"}, ValueError, "one of nhwc, nchw; got 'chw'"),
        ({"channels": "rgba"}, ValueError, "one of rgb, bgr, gray; got 'rgba'"),
        ({"rotate": 45}, ValueError, "rotate must be 0, 90, 180 or 270 degrees, got 45"),
        ({"mirror": 1}, TypeError, "mirror must be a bool, got 1"),
        ({"roi": (0, 0, 2)}, TypeError, r"roi must be \(x0, y0, x1, y1\), got \(0, 0, 2\)"),
        ({"roi": "all"}, TypeError, "roi must be"),
        ({"roi": (0, 0, 5, 2)}, ValueError, "inside the frame of 4x4 pixels, got edges"),
        ({"roi": (-1, 0, 2, 2)}, ValueError, "inside the frame, got"),
        ({"roi": (0, 0, float("nan"), 2)}, ValueError, "inside the frame, got"),
        ({"roi": (2, 0, 2, 2)}, ValueError, "x0 < x1 and y0 < y1, got"),
        ({"pad_value": 256}, ValueError, "pad_value must be 0 to 255, got 256"),
        ({"pad_value": 1.5}, TypeError, "pad_value must be an int, got float"),
        ({"mean": float("nan")}, ValueError, "mean must be finite, got nan"),
        ({"mean": (1, 2)}, ValueError, r"mean must be a number or three, got shape \(2,\)"),
        ({"mean": "0"}, TypeError, "mean must be a number or three, got '0'"),
        ({"std": 0.0}, ValueError, "std must be > 0, got 0.0"),
        ({"std": (1, 1, -1)}, ValueError, r"std must be > 0, got \(1, 1, -1\)"),
        ({"std": 1e-300}, ValueError, "must fit float32"),
        ({"dtype": "int8", "scale": 0.0}, ValueError, "scale must be finite and > 0, got 0.0"),
        ({"dtype": "int8", "scale": 1e-300, "std": 1e-300}, ValueError, "must fit float32"),
        ({"dtype": "int8", "zero_point": 128}, ValueError, "must be -128 to 127, got 128"),
        ({"dtype": "float32", "scale": 0.1}, ValueError, "are for integer dtypes"),
        ({"dtype": "float16", "std": 1e-3}, ValueError, "must fit float16"),
        ({"channels": "gray", "mean": (1, 2, 3)}, ValueError, "a number or one, got shape"),
    ],
)
def test_a_wrong_option_says_expected_and_got(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        preprocess(RGB, **{"size": (2, 2), **options})


@pytest.mark.parametrize(
    ("out", "error", "text"),
    [
        (np.zeros((2, 2, 3), np.int8), TypeError, "out must be uint8, got int8"),
        (np.zeros((2, 3, 3), np.uint8), ValueError, r"shape \(2, 2, 3\), got \(2, 3, 3\)"),
        (np.zeros(12, np.uint8), ValueError, r"shape \(2, 2, 3\), got \(12,\)"),
        (np.zeros((2, 4, 3), np.uint8)[:, ::2], TypeError, "C-contiguous, got strides"),
        (np.frombuffer(bytes(12), np.uint8).reshape(2, 2, 3), TypeError, "read-only"),
        (bytearray(12), TypeError, "got bytearray"),
    ],
)
def test_a_wrong_out_says_expected_and_got(out: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        preprocess(RGB, (2, 2), out=out)


SIDE = 8
OUT_BYTES = 2 * 2 * 3


def frame_in(memory: np.ndarray, start: int, format: PixelFormat, upwards: bool) -> Frame:
    """A frame of SIDE x SIDE pixels whose bytes begin at `start`."""
    whole = Frame(memory[start:], SIDE, SIDE, format)
    return Frame(tuple(p[::-1] for p in whole.planes), SIDE, SIDE, format) if upwards else whole


@pytest.mark.parametrize("upwards", [False, True])
@pytest.mark.parametrize(("format", "length"), [("rgb", 192), ("nv12", 96), ("i420", 96)])
def test_an_out_in_the_frames_memory_is_refused_and_one_beside_it_filled(
    format: PixelFormat, length: int, upwards: bool
) -> None:
    memory = np.random.default_rng(1).integers(0, 256, 256, np.uint8)
    plan, before = Preprocessor((2, 2)), memory.copy()
    frame = frame_in(memory, 32, format, upwards)
    for at in range(32 - OUT_BYTES, 32 + length + 1, 3):
        out = memory[at : at + OUT_BYTES].reshape(2, 2, 3)
        if at in (32 - OUT_BYTES, 32 + length):
            expected = plan(frame)
            assert np.array_equal(plan(frame, out), expected)
            assert np.array_equal(plan.batch(frame, [(0, 0, SIDE, SIDE)], out[None])[0], expected)
            memory[:] = before
            continue
        for call in (
            partial(plan, frame, out),
            partial(preprocess, frame, (2, 2), out=out),
            partial(plan.batch, frame, [(0, 0, SIDE, SIDE)], out[None]),
        ):
            with pytest.raises(ValueError, match="out must not overlap the frame's memory"):
                call()
        assert np.array_equal(memory, before)


def test_an_out_between_the_planes_of_a_frame_is_filled() -> None:
    memory = np.zeros(SIDE * SIDE * 2, np.uint8)
    luma, chroma = memory[: SIDE * SIDE], memory[-SIDE * SIDE // 2 :]
    out = memory[SIDE * SIDE : SIDE * SIDE + OUT_BYTES].reshape(2, 2, 3)
    frame = Frame((luma, chroma), SIDE, SIDE)
    assert np.array_equal(preprocess(frame, (2, 2), out=out), preprocess(frame, (2, 2)))


def test_unaligned_float_out_is_refused() -> None:
    out = np.zeros(12 * 4 + 1, np.uint8)[1:].view(np.float32).reshape(2, 2, 3)
    with pytest.raises(TypeError, match="unaligned"):
        preprocess(RGB, (2, 2), dtype="float32", out=out)


def test_the_native_plan_refuses_planes_and_outputs_of_another_geometry() -> None:
    plan = Preprocessor((2, 2))._plan(Frame(RGB, 4, 4, "rgb"))
    with pytest.raises(ValueError, match="planes are not those"):
        plan.run((np.zeros((3, 4, 3), np.uint8),), np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match="planes are not those"):
        plan.run((RGB,) * 9, np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(TypeError, match="planes must be uint8"):
        plan.run((RGB.astype(np.int8),), np.zeros((2, 2, 3), np.uint8))
    assert not plan.run((RGB,), np.zeros((2, 1, 3), np.uint8))
