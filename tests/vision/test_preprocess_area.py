"""Areas that the kernels sum in ways of their own: whole pixels, and patterns that repeat."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecore import Frame, preprocess
from edgecore.frame import PixelFormat
from tests.vision.preprocess_cases import FORMATS, assert_within_bound, make_frame

pytestmark = pytest.mark.usefixtures("every_isa")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("channels", ["rgb", "gray"])
@pytest.mark.parametrize("down", [2, 3, 4, 6])
def test_areas_of_whole_pixels_are_within_the_bound(
    format: PixelFormat, channels: str, down: int
) -> None:
    frame = make_frame(format, 128 * down, 5 * down, pad=3)
    options: dict[str, Any] = {"interpolation": "area", "channels": channels}
    assert_within_bound(frame, (5, 128), **options)
    packed, planar = (
        preprocess(frame, (5, 128), layout=layout, **options) for layout in ("nhwc", "nchw")
    )
    assert np.array_equal(packed.transpose(2, 0, 1), planar)


@pytest.mark.parametrize("format", ["gray", "rgb", "nv12"])
@pytest.mark.parametrize("columns", [64, 192, 640])
@pytest.mark.parametrize("thirds", [4, 5, 7, 8])
def test_areas_that_repeat_after_three_pixels_are_within_the_bound(
    format: PixelFormat, columns: int, thirds: int
) -> None:
    frame = make_frame(format, columns * thirds // 3, 7)
    assert_within_bound(frame, (3, columns), interpolation="area", fit="stretch")


@pytest.mark.parametrize("rows", [64, 65])
def test_the_brightest_areas_of_many_rows_are_white(rows: int) -> None:
    """As many as two columns' sums of rows fit, and one more."""
    white = Frame(np.full((2 * rows, 256), 255, np.uint8), 256, 2 * rows, "gray")
    assert (preprocess(white, (2, 128), interpolation="area", fit="stretch") == 255).all()
