"""The fused pass against its float64 twin: the full product of formats and options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from edgecore import Frame
from edgecore.frame import PixelFormat
from tests.vision.preprocess_cases import (
    FORMATS,
    INTERPOLATIONS,
    YUV,
    assert_within_bound,
    cases,
    make_frame,
)


@settings(max_examples=600)
@given(case=cases())
def test_every_option_at_every_size_is_within_the_bound(case: tuple[Frame, Any]) -> None:
    frame, options = case
    assert_within_bound(frame, **options)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(
    ("format", "chroma"),
    [(format, "bilinear") for format in FORMATS] + [(format, "nearest") for format in YUV],
)
def test_camera_sized_frames_are_within_the_bound(
    format: PixelFormat, chroma: str, interpolation: str
) -> None:
    options = {"chroma": chroma, "interpolation": interpolation}
    assert_within_bound(make_frame(format, 641, 363, pad=7), (320, 320), **options)
    assert_within_bound(make_frame(format, 640, 360), (128, 96), rotate=90, **options)
    assert_within_bound(make_frame(format, 96, 54), (224, 320), fit="stretch", **options)
    assert_within_bound(make_frame(format, 2500, 7), (5, 1200), fit="stretch", **options)


@pytest.mark.once
@pytest.mark.parametrize("format", YUV)
@pytest.mark.parametrize("cells", [1, 2, 10, 16])
def test_weights_of_chroma_may_be_finer_than_those_of_luma(format: PixelFormat, cells: int) -> None:
    """65 to 64: luma is read at multiples of 1/128 of a pixel, chroma at multiples of 1/256."""
    frame = make_frame(format, 65 * cells, 40 * cells)
    assert_within_bound(frame, (16 * cells, 64 * cells), fit="stretch")
    turned = make_frame(format, 40 * cells, 65 * cells)
    assert_within_bound(turned, (64 * cells, 16 * cells), fit="stretch", rotate=180)
    assert_within_bound(frame, (64 * cells, 16 * cells), fit="stretch", rotate=90)


@pytest.mark.parametrize("shape", [(1, 32768), (32768, 1)])
def test_the_longest_side_is_read_to_its_end(shape: tuple[int, int]) -> None:
    pixels = np.arange(32768, dtype=np.uint32).view(np.uint8)[::4].reshape(shape)
    frame = Frame(np.ascontiguousarray(pixels), shape[1], shape[0], "gray")
    assert np.array_equal(frame.to_rgb()[..., 0], pixels)
    assert_within_bound(frame, (9, 13), fit="stretch")
