"""What each pixel format's bytes mean: 10 bits, mosaics, rows wherever they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from edgecore import Frame, Preprocessor, preprocess
from tests.reference import preprocess as twin
from tests.vision.preprocess_cases import BAYER, COLORS, FORMATS, INTERPOLATIONS, cases, make_frame

pytestmark = pytest.mark.usefixtures("every_isa")


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_all_ten_bits_count(color: str, interpolation: Any) -> None:
    """Levels a quarter apart give pixels a quarter of the gain apart."""
    y = (np.arange(1024, dtype=np.uint16) << 6)[None]
    uv = np.full((1, 512, 2), 512 << 6, np.uint16)
    frame = Frame((y, uv), 1024, 1, "p010", color=color)
    got = preprocess(frame, (1, 1024), dtype="float32", interpolation=interpolation)[0, :, 0]
    black, gain = (64, 255 / 219) if color.endswith("limited") else (0, 1.0)
    expected = np.clip((np.arange(1024) - black) / 4 * gain, 0, 255)
    assert np.abs(got - expected).max() <= 0.03
    assert (np.diff(got[expected < 254.9]) >= 0).all()
    assert len(np.unique(got)) > 870


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_words_of_whole_levels_are_bytes(interpolation: Any) -> None:
    nv12 = make_frame("nv12", 101, 57)
    words = tuple(plane.astype(np.uint16) << 8 for plane in nv12.planes)
    p010 = Frame(words, 101, 57, "p010")
    for size in ((20, 31), (64, 128)):
        wide, narrow = (preprocess(f, size, interpolation=interpolation) for f in (p010, nv12))
        assert np.array_equal(wide, narrow)


@settings(max_examples=100)
@given(case=cases((300, 45), (150, 150), BAYER))
def test_a_mosaic_gives_the_bits_of_the_rgb_made_of_it(case: tuple[Frame, Any]) -> None:
    mosaic, options = case
    pixels = np.ascontiguousarray(twin.demosaic(mosaic.planes[0], mosaic.format))
    rgb = Frame(pixels, mosaic.width, mosaic.height, "rgb", color=mosaic.color)
    assert np.array_equal(preprocess(mosaic, **options), preprocess(rgb, **options))


@pytest.mark.parametrize("format", BAYER)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 2), (2, 131), (19, 1100)])
def test_a_mosaic_as_rgb_is_the_definition(format: str, shape: tuple[int, int]) -> None:
    frame = make_frame(format, shape[1], shape[0])
    assert np.array_equal(frame.to_rgb(), twin.demosaic(frame.planes[0], format))
    upwards = Frame(frame.planes[0][::-1], shape[1], shape[0], format)
    assert np.array_equal(upwards.to_rgb(), twin.demosaic(upwards.planes[0], format))


@pytest.mark.parametrize("format", BAYER)
def test_a_mosaic_of_one_colour_gives_that_colour(format: str) -> None:
    colour = {"r": 200, "g": 90, "b": 17}
    mosaic = np.zeros((6, 9), np.uint8)
    for place, letter in enumerate(format):
        mosaic[place // 2 :: 2, place % 2 :: 2] = colour[letter]
    assert (Frame(mosaic, 9, 6, format).to_rgb() == (200, 90, 17)).all()


def test_same_size_rgb_comes_through_untouched() -> None:
    rgb = np.random.default_rng(4).integers(0, 256, (37, 53, 3), np.uint8)
    assert np.array_equal(preprocess(rgb, (37, 53)), rgb)
    assert np.array_equal(preprocess(rgb, (37, 53), channels="bgr"), rgb[..., ::-1])
    assert np.array_equal(Frame(rgb, 53, 37, "bgr").to_rgb(), rgb[..., ::-1])
    assert np.array_equal(preprocess(rgb, (37, 53), dtype="float32"), rgb)


def test_frame_memory_is_read_only_within_its_rows() -> None:
    """A plane that ends where its last row ends is not read beyond, nor between padded rows."""
    quiet = make_frame("nv12", 31, 17, pad=0)
    planes = []
    for i, plane in enumerate(quiet.planes):
        rows = plane.reshape(plane.shape[0], -1)
        padded = np.full((rows.shape[0], rows.shape[1] + 13), 255 * (i % 2), np.uint8)
        padded[:, : rows.shape[1]] = rows
        planes.append(padded[:, : rows.shape[1]])
    noisy = Frame(tuple(planes), 31, 17)
    assert np.array_equal(preprocess(quiet, (40, 40)), preprocess(noisy, (40, 40)))


def test_upside_down_rows_are_read_through_their_stride() -> None:
    frame = make_frame("rgb", 20, 10)
    flipped = np.ascontiguousarray(frame.planes[0][::-1])
    assert np.array_equal(preprocess(flipped[::-1], (16, 16)), preprocess(frame, (16, 16)))


def test_read_only_frames_are_taken() -> None:
    rgb = np.zeros((4, 4, 3), np.uint8)
    rgb.flags.writeable = False
    assert (preprocess(rgb, (2, 2)) == 0).all()


def test_a_plan_serves_frames_of_changing_shape() -> None:
    plan = Preprocessor((16, 24))
    frames = [make_frame(format, w, 12) for format in FORMATS for w in (9, 16)]
    for frame in frames * 2:
        assert np.array_equal(plan(frame), preprocess(frame, (16, 24)))
