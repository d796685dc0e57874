"""Boxes of the model input on their way back to the frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecore import Frame, Preprocessor
from tests.reference import preprocess as twin
from tests.vision.preprocess_cases import GEOMETRY, regions


@settings(max_examples=200)
@given(
    data=st.data(),
    width=st.integers(1, 4000),
    height=st.integers(1, 4000),
    size=st.tuples(st.integers(1, 700), st.integers(1, 700)),
    seed=st.integers(0, 5),
    **GEOMETRY,
)
def test_unmap_undoes_the_geometry(
    data: Any, width: int, height: int, size: tuple[int, int], seed: int, **geometry: Any
) -> None:
    frame = Frame(bytes(width * height), width, height, "gray")
    geometry["roi"] = data.draw(regions(width, height))
    plan = Preprocessor(size, **geometry)
    low = np.random.default_rng(seed).random((7, 2)) * [size[1], size[0]] * 0.5
    corners = np.stack([low, low + 0.4 * np.array([size[1], size[0]])], 1)
    back = plan.unmap(corners.reshape(7, 4).astype(np.float32), frame)
    assert back.dtype == np.float32
    expected = twin.unmap(corners.reshape(14, 2), frame, size, **geometry).reshape(7, 2, 2)
    expected = np.clip(expected, 0, [width, height])
    boxes = np.concatenate([expected.min(1), expected.max(1)], 1)
    assert np.allclose(back, boxes, atol=2e-4 * max(width, height))
    apart = np.zeros((7, 8), np.float32)
    apart[:, ::2] = corners.reshape(7, 4)
    assert np.array_equal(plan.unmap(apart[:, ::2], frame), back)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [False, True])
def test_a_box_found_in_a_turned_picture_is_where_the_object_is(rotate: Any, mirror: bool) -> None:
    rgb = np.zeros((90, 120, 3), np.uint8)
    rgb[20:40, 70:110] = 255
    plan = Preprocessor((180, 180), rotate=rotate, mirror=mirror, pad_value=0)
    y, x = np.nonzero(plan(rgb)[..., 0] > 127)
    box = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], np.float32)
    assert np.abs(plan.unmap(box, rgb) - [70, 20, 110, 40]).max() <= 1


def test_a_letterboxed_box_is_clipped_to_the_frame() -> None:
    frame = np.zeros((100, 50, 3), np.uint8)
    whole = np.array([[-9.0, -9.0, 1e6, 1e6]], np.float32)
    for rotate in (0, 90, 180, 270):
        plan = Preprocessor((64, 64), rotate=rotate)
        assert plan.unmap(whole, frame).tolist() == [[0, 0, 50, 100]]


def test_unmap_keeps_nan_and_takes_no_boxes() -> None:
    plan, frame = Preprocessor((4, 4)), np.zeros((8, 8, 3), np.uint8)
    assert plan.unmap(np.empty((0, 4), np.float32), frame).shape == (0, 4)
    assert np.isnan(plan.unmap(np.full((1, 4), np.nan, np.float32), frame)).all()
    with pytest.raises(TypeError, match="float32 array, got float64"):
        plan.unmap(np.zeros((1, 4)), frame)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"shape \(n, 4\), got \(4,\)"):
        plan.unmap(np.zeros(4, np.float32), frame)
    with pytest.raises(TypeError, match="float32 array, got list"):
        plan.unmap([[0, 0, 1, 1]], frame)  # type: ignore[arg-type]
