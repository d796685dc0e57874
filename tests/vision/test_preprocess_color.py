"""YUV to RGB and luma: every colour, and the ends of its ranges."""

from __future__ import annotations

import numpy as np
import pytest

from edgecore import Frame, preprocess
from tests.reference import preprocess as twin
from tests.vision.preprocess_cases import COLORS, assert_within_bound

pytestmark = pytest.mark.usefixtures("every_isa")


@pytest.mark.parametrize("color", COLORS)
def test_every_colour_of_the_cube_is_within_the_bound(color: str) -> None:
    levels = np.array([0, 1, 15, 16, 17, 64, 127, 128, 129, 200, 235, 240, 254, 255], np.uint8)
    y, u, v = np.meshgrid(levels, levels, levels, indexing="ij")
    yuv = np.stack([y, u, y, v], -1).reshape(len(levels), -1, 4)
    frame = Frame(yuv, 2 * yuv.shape[1], yuv.shape[0], "yuyv", color=color)
    size = (frame.height, frame.width)
    assert_within_bound(frame, size, chroma="nearest", fit="stretch")
    expected = np.rint(twin.pixels(frame, size, chroma="nearest", fit="stretch"))
    assert np.abs(preprocess(frame, size, chroma="nearest") - expected).max() <= 1


def test_gray_yuv_gives_equal_channels_and_the_known_ends() -> None:
    for color in COLORS:
        y = np.arange(256, dtype=np.uint8)[None]
        uv = np.full((1, 128, 2), 128, np.uint8)
        rgb = Frame((y, uv), 256, 1, color=color).to_rgb()[0]
        assert (rgb == rgb[:, :1]).all()
        black, white = (16, 235) if color.endswith("limited") else (0, 255)
        assert (rgb[: black + 1] == 0).all()
        assert (rgb[white:] == 255).all()
        assert rgb[white - 1, 0] < 255
