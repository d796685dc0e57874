"""Types and layouts of the tensor, and the memory it is written to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecore import Frame, Preprocessor, preprocess
from tests.vision.preprocess_cases import FORMATS, cases, make_frame

pytestmark = pytest.mark.usefixtures("every_isa")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"dtype": "uint8"}, [0, 1, 127, 128, 254, 255]),
        ({"dtype": "int8"}, [0, 1, 127, 127, 127, 127]),
        ({"dtype": "int8", "mean": 128.0}, [-128, -127, -1, 0, 126, 127]),
        (
            {"dtype": "int8", "std": 255.0, "scale": 1 / 255, "zero_point": -128},
            [-128, -127, -1, 0, 126, 127],
        ),
        ({"dtype": "uint8", "scale": 2.0}, [0, 0, 64, 64, 127, 128]),  # ties to even
        ({"dtype": "uint8", "scale": 2.0, "zero_point": 1}, [1, 1, 65, 65, 128, 129]),
        ({"dtype": "float32", "mean": 127.5, "std": 127.5}, [-1, None, None, None, None, 1]),
    ],
)
def test_known_levels_give_known_values(options: dict[str, Any], expected: list[Any]) -> None:
    row = np.array([0, 1, 127, 128, 254, 255], np.uint8)
    frame = np.repeat(row, 3).reshape(1, 6, 3)
    got = preprocess(frame, (1, 6), **options)
    for c in range(3):
        for value, wanted in zip(got[0, :, c], expected, strict=True):
            assert wanted is None or value == pytest.approx(wanted, abs=1e-6)


@settings(max_examples=100)
@given(case=cases())
def test_layouts_hold_the_same_values(case: tuple[Frame, Any]) -> None:
    frame, options = case
    planar = preprocess(frame, **{**options, "layout": "nchw"})
    assert planar.shape[1:] == options["size"]
    packed = preprocess(frame, **{**options, "layout": "nhwc"})
    assert np.array_equal(planar.transpose(1, 2, 0), packed)


@settings(max_examples=100)
@given(
    format=st.sampled_from(FORMATS),
    size=st.tuples(st.integers(1, 45), st.integers(1, 45)),
    std=st.sampled_from([1, 255, 1e5]),
)
def test_float16_is_float32_rounded_once(format: str, size: tuple[int, int], std: float) -> None:
    frame = make_frame(format, 41, 23)
    half, single = (
        preprocess(frame, size, dtype=d, mean=30.0, std=std) for d in ("float16", "float32")
    )
    assert np.array_equal(half, single.astype(np.float16))


def test_out_is_filled_in_place_and_nothing_around_it() -> None:
    memory = np.full(5 * 6 * 3 + 32, 77, np.int8)
    out = memory[16:-16].reshape(1, 5, 6, 3)
    frame = make_frame("nv12", 13, 9)
    plan = Preprocessor((5, 6), dtype="int8", mean=128)
    assert plan(frame, out=out) is out
    assert np.array_equal(out[0], plan(frame))
    assert (memory[:16] == 77).all()
    assert (memory[-16:] == 77).all()


@settings(max_examples=60)
@given(width=st.integers(1, 40), dtype=st.sampled_from(["uint8", "int8", "float32"]))
def test_no_byte_outside_out_is_written_at_any_width(width: int, dtype: str) -> None:
    size = np.dtype(dtype).itemsize
    memory = np.full((width * 3 * 3 + 64) * size, 0xA5, np.uint8)
    out = memory[32 * size : -32 * size].view(dtype).reshape(3, width, 3)
    preprocess(make_frame("i420", 11, 7), (3, width), fit="stretch", dtype=dtype, out=out)
    assert (memory[: 32 * size] == 0xA5).all()
    assert (memory[-32 * size :] == 0xA5).all()
