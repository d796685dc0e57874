"""The fused pass against its float64 twin: every format, size, stride, filter, colour and dtype."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecore import Frame, Preprocessor, isa, preprocess
from tests.reference import preprocess as twin

YUV = ["nv12", "nv21", "i420", "yuyv", "uyvy", "p010"]
BAYER = ["rggb", "bggr", "grbg", "gbrg"]
FORMATS = ["rgb", "bgr", "rgba", "bgra", "gray", *YUV, *BAYER]
COLORS = ["bt601-limited", "bt601-full", "bt709-limited", "bt709-full"]
INTERPOLATIONS = ["bilinear", "area", "nearest"]
# Of a pixel level, before rounding; derived in docs/numerics.md.
BOUND = {"bilinear": 0.125, "nearest": 0.125, "area": 0.25}


RGB = np.zeros((4, 4, 3), np.uint8)


@pytest.fixture(params=isa.available(), autouse=True)
def every_isa(request: pytest.FixtureRequest) -> Any:
    with isa.pinned(request.param):
        yield


def make_frame(
    format: str, width: int, height: int, color: str = "bt601-limited", pad: int = 0, seed: int = 0
) -> Frame:
    """Noise, the hardest picture, in separate planes whose rows lie `pad` bytes apart."""
    rng = np.random.default_rng([seed, width, height])
    blank = Frame(bytes(4 * (width + 2) * (height + 2)), width, height, format)
    planes = []
    for shape in (plane.shape for plane in blank.planes):
        row = int(np.prod(shape[1:]))
        padded = rng.integers(0, 256, (shape[0], row + pad), np.uint8)
        planes.append(padded[:, :row])
    return Frame(tuple(planes), width, height, format, color=color)


def assert_within_bound(frame: Frame, size: tuple[int, int], **options: Any) -> None:
    expected = twin.pixels(frame, size, **options)
    got = preprocess(frame, size, dtype="float32", **options)
    assert got.dtype == np.float32
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= BOUND[options.get("interpolation", "bilinear")]


sides = st.integers(1, 45)
GEOMETRY = {
    "fit": st.sampled_from(["letterbox", "stretch", "crop"]),
    "anchor": st.sampled_from(["center", "top-left"]),
    "rotate": st.sampled_from([0, 90, 180, 270]),
    "mirror": st.booleans(),
}


@st.composite
def regions(draw: Any, width: int, height: int) -> Any:
    """None, whole pixels or parts of pixels."""
    unit = draw(st.sampled_from([None, 1, 16, 256]))
    if unit is None:
        return None
    x = sorted(draw(st.sets(st.integers(0, width * unit), min_size=2, max_size=2)))
    y = sorted(draw(st.sets(st.integers(0, height * unit), min_size=2, max_size=2)))
    return x[0] / unit, y[0] / unit, x[1] / unit, y[1] / unit


@settings(max_examples=500, deadline=None)
@given(
    data=st.data(),
    format=st.sampled_from(FORMATS),
    width=sides,
    height=sides,
    pad=st.integers(0, 9),
    size=st.tuples(sides, sides),
    interpolation=st.sampled_from(INTERPOLATIONS),
    chroma=st.sampled_from(["bilinear", "nearest"]),
    channels=st.sampled_from(["rgb", "bgr", "gray"]),
    color=st.sampled_from(COLORS),
    pad_value=st.integers(0, 255),
    **GEOMETRY,
)
def test_every_option_at_every_size_is_within_the_bound(
    data: Any, format: str, width: int, height: int, pad: int, color: str, **options: Any
) -> None:
    options["roi"] = data.draw(regions(width, height))
    assert_within_bound(make_frame(format, width, height, color, pad), **options)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("chroma", ["bilinear", "nearest"])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_camera_sized_frames_are_within_the_bound(
    format: str, chroma: str, interpolation: str
) -> None:
    options = {"chroma": chroma, "interpolation": interpolation}
    assert_within_bound(make_frame(format, 641, 363, pad=7), (320, 320), **options)
    assert_within_bound(make_frame(format, 640, 360), (128, 96), rotate=90, **options)
    assert_within_bound(make_frame(format, 96, 54), (224, 320), fit="stretch", **options)
    assert_within_bound(make_frame(format, 2500, 7), (5, 1200), fit="stretch", **options)


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


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    format=st.sampled_from(BAYER),
    width=st.one_of(st.integers(1, 9), st.integers(1, 300)),
    height=st.integers(1, 45),
    pad=st.integers(0, 9),
    size=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    interpolation=st.sampled_from(INTERPOLATIONS),
    channels=st.sampled_from(["rgb", "bgr", "gray"]),
    layout=st.sampled_from(["nhwc", "nchw"]),
    **GEOMETRY,
)
def test_a_mosaic_gives_the_bits_of_the_rgb_made_of_it(
    data: Any, format: str, width: int, height: int, pad: int, **options: Any
) -> None:
    options["roi"] = data.draw(regions(width, height))
    frame = make_frame(format, width, height, pad=pad)
    rgb = np.ascontiguousarray(twin.demosaic(frame.planes[0], format))
    assert np.array_equal(preprocess(frame, **options), preprocess(rgb, **options))


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


@settings(max_examples=200, deadline=None)
@given(
    format=st.sampled_from(["rgb", "nv12", "yuyv", "gray"]),
    dtype=st.sampled_from(["uint8", "int8"]),
    mean=st.one_of(st.floats(0, 255), st.tuples(*[st.floats(0, 255)] * 3)),
    std=st.one_of(st.floats(0.5, 300), st.tuples(*[st.floats(0.5, 300)] * 3)),
    levels_per_step=st.floats(1, 40),
    zero=st.integers(0, 255),
    seed=st.integers(0, 9),
)
def test_integers_are_within_one_step(
    format: str, dtype: str, mean: Any, std: Any, levels_per_step: float, zero: int, seed: int
) -> None:
    scale = levels_per_step / float(np.min(std))
    zero_point = zero - 128 if dtype == "int8" else zero
    frame = make_frame(format, 33, 21, seed=seed)
    got = preprocess(
        frame, (24, 29), dtype=dtype, mean=mean, std=std, scale=scale, zero_point=zero_point
    )
    pixel = twin.pixels(frame, (24, 29))
    expected = twin.values(pixel, dtype, mean, std, scale, zero_point)
    assert got.dtype == np.dtype(dtype)
    assert np.abs(got - expected).max() <= 1


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


@settings(max_examples=200, deadline=None)
@given(
    format=st.sampled_from(FORMATS),
    channels=st.sampled_from(["rgb", "bgr", "gray"]),
    dtype=st.sampled_from(["uint8", "int8", "float16", "float32"]),
    mean=st.tuples(*[st.sampled_from([0.0, 16.5, 127.5])] * 3),
    std=st.tuples(*[st.sampled_from([1.0, 58.4, 127.5])] * 3),
    rotate=st.sampled_from([0, 90]),
    size=st.tuples(sides, sides),
)
def test_layouts_hold_the_same_values(
    format: str, channels: Any, dtype: Any, mean: Any, std: Any, rotate: Any, size: tuple[int, int]
) -> None:
    frame = make_frame(format, 41, 23)
    count = 1 if channels == "gray" else 3
    options: Any = {"channels": channels, "dtype": dtype, "mean": mean[:count], "std": std[:count]}
    planar = preprocess(frame, size, layout="nchw", rotate=rotate, **options)
    assert planar.shape == (count, *size)
    packed = preprocess(frame, size, rotate=rotate, **options)
    assert np.array_equal(planar.transpose(1, 2, 0), packed)


@settings(max_examples=100, deadline=None)
@given(
    format=st.sampled_from(FORMATS),
    size=st.tuples(sides, sides),
    std=st.sampled_from([1, 255, 1e5]),
)
def test_float16_is_float32_rounded_once(format: str, size: tuple[int, int], std: float) -> None:
    frame = make_frame(format, 41, 23)
    half, single = (
        preprocess(frame, size, dtype=d, mean=30.0, std=std) for d in ("float16", "float32")
    )
    assert np.array_equal(half, single.astype(np.float16))


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    format=st.sampled_from(FORMATS),
    width=st.integers(1, 300),
    height=st.integers(1, 60),
    size=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    dtype=st.sampled_from(["uint8", "int8", "float32", "float16"]),
    interpolation=st.sampled_from(INTERPOLATIONS),
    channels=st.sampled_from(["rgb", "bgr", "gray"]),
    layout=st.sampled_from(["nhwc", "nchw"]),
    std=st.sampled_from([1.0, 57.3]),
    **GEOMETRY,
)
def test_every_set_gives_the_same_bits(
    data: Any, format: str, width: int, height: int, **options: Any
) -> None:
    options["roi"] = data.draw(regions(width, height))
    frame = make_frame(format, width, height)
    plan = Preprocessor(**options)
    got = plan(frame)
    with isa.pinned("baseline"):
        assert plan(frame).tobytes() == got.tobytes()


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    format=st.sampled_from(FORMATS),
    width=st.integers(1, 200),
    height=st.integers(1, 200),
    size=st.tuples(st.integers(1, 300), st.integers(1, 90)),
    dtype=st.sampled_from(["uint8", "float32", "float16"]),
    interpolation=st.sampled_from(INTERPOLATIONS),
    channels=st.sampled_from(["rgb", "gray"]),
    layout=st.sampled_from(["nhwc", "nchw"]),
    num_threads=st.integers(2, 5),
    **GEOMETRY,
)
def test_threads_give_the_bits_of_one(
    data: Any, format: str, width: int, height: int, num_threads: int, **options: Any
) -> None:
    options["roi"] = data.draw(regions(width, height))
    frame = make_frame(format, width, height)
    shared = Preprocessor(num_threads=num_threads, **options)(frame)
    assert shared.tobytes() == Preprocessor(**options)(frame).tobytes()


def test_crop_is_torchvisions() -> None:
    """Resize((224)) of 480 x 640 gives 224 x 298, CenterCrop then begins at column 37."""
    plan = Preprocessor((224, 224), fit="crop")
    frame = np.zeros((480, 640, 3), np.uint8)
    assert plan._plan(Frame(frame, 640, 480, "rgb")).placement == (-37, 0, 298, 224)


def test_a_roi_of_whole_pixels_is_the_cut_frame() -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (60, 80, 3), np.uint8)
    for interpolation in INTERPOLATIONS:
        options: Any = {"interpolation": interpolation, "fit": "stretch"}
        cut = preprocess(rgb[10:50, 5:75], (24, 32), **options)
        assert np.array_equal(preprocess(rgb, (24, 32), roi=(5, 10, 75, 50), **options), cut)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_a_batch_holds_what_each_region_gives_alone(layout: Any) -> None:
    frame = make_frame("nv12", 200, 120)
    rois = [(0, 0, 200, 120), (3.5, 7.25, 90, 66), (190, 100, 200, 120)]
    plan = Preprocessor((40, 30), layout=layout, dtype="float32", interpolation="area")
    got = plan.batch(frame, np.array(rois))
    for tensor, roi in zip(got, rois, strict=True):
        alone = Preprocessor(
            (40, 30), layout=layout, dtype="float32", interpolation="area", roi=roi
        )
        assert np.array_equal(tensor, alone(frame))
    out = np.empty_like(got)
    assert plan.batch(frame, rois, out) is out
    assert np.array_equal(out, got)
    assert plan.batch(frame, np.empty((0, 4))).shape == (0, *plan.shape)


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    format=st.sampled_from(FORMATS),
    width=sides,
    height=sides,
    size=st.tuples(sides, sides),
    interpolation=st.sampled_from(INTERPOLATIONS),
    channels=st.sampled_from(["rgb", "gray"]),
    num_threads=st.sampled_from([1, 3]),
    **GEOMETRY,
)
def test_batches_one_after_the_other_leave_each_other_no_trace(
    data: Any, format: str, width: int, height: int, num_threads: int, **options: Any
) -> None:
    frame = make_frame(format, width, height)
    whole = (0, 0, width, height)
    drawn = data.draw(st.lists(regions(width, height), min_size=2, max_size=5))
    rois = [whole if roi is None else roi for roi in drawn]
    plan = Preprocessor(num_threads=num_threads, **options)
    expected = [Preprocessor(roi=roi, **options)(frame) for roi in rois]
    assert np.array_equal(plan.batch(frame, rois), expected)
    assert np.array_equal(plan.batch(frame, rois[::-1]), expected[::-1])
    with isa.pinned("baseline"):
        assert np.array_equal(plan.batch(frame, rois), expected)


@pytest.mark.parametrize(
    ("rois", "out", "error", "text"),
    [
        ([0, 0, 2, 2], None, ValueError, r"shape \(n, 4\), got \(4,\)"),
        ([[0, 0, 2, 9]], None, ValueError, "inside the frame of 4x4 pixels"),
        (
            [[0, 0, 2, 2]],
            np.zeros((2, 2, 2, 3), np.uint8),
            ValueError,
            r"shape \(1, 2, 2, 3\), got",
        ),
        ([[0, 0, 2, 2]], np.zeros((1, 2, 2, 3), np.int8), TypeError, "must be uint8, got int8"),
    ],
)
def test_a_wrong_batch_says_expected_and_got(
    rois: Any, out: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        Preprocessor((2, 2)).batch(RGB, rois, out)


def test_same_size_rgb_comes_through_untouched() -> None:
    rgb = np.random.default_rng(4).integers(0, 256, (37, 53, 3), np.uint8)
    assert np.array_equal(preprocess(rgb, (37, 53)), rgb)
    assert np.array_equal(preprocess(rgb, (37, 53), channels="bgr"), rgb[..., ::-1])
    assert np.array_equal(Frame(rgb, 53, 37, "bgr").to_rgb(), rgb[..., ::-1])
    assert np.array_equal(preprocess(rgb, (37, 53), dtype="float32"), rgb)


def test_padding_is_114_at_the_places_ultralytics_has_it() -> None:
    frame = np.full((720, 1280, 3), 9, np.uint8)
    out = preprocess(frame, (640, 640))
    assert (out[:140] == 114).all()
    assert (out[140:500] == 9).all()
    assert (out[500:] == 114).all()
    out = preprocess(np.full((100, 99, 3), 9, np.uint8), (64, 64), pad_value=7)
    assert (out[:, :63] == 9).all()  # one column over: it goes to the right
    assert (out[:, 63] == 7).all()
    out = preprocess(frame, (640, 640), anchor="top-left", dtype="int8", mean=128)
    assert (out[:360] == 9 - 128).all()
    assert (out[360:] == 114 - 128).all()


def test_a_sliver_keeps_at_least_one_pixel() -> None:
    out = preprocess(np.full((1, 4000, 3), 9, np.uint8), (32, 32))
    assert (out == 9).any(axis=2).sum() == 32


def test_out_is_filled_in_place_and_nothing_around_it() -> None:
    memory = np.full(5 * 6 * 3 + 32, 77, np.int8)
    out = memory[16:-16].reshape(1, 5, 6, 3)
    frame = make_frame("nv12", 13, 9)
    plan = Preprocessor((5, 6), dtype="int8", mean=128)
    assert plan(frame, out=out) is out
    assert np.array_equal(out[0], plan(frame))
    assert (memory[:16] == 77).all()
    assert (memory[-16:] == 77).all()


@settings(max_examples=60, deadline=None)
@given(width=st.integers(1, 40), dtype=st.sampled_from(["uint8", "int8", "float32"]))
def test_no_byte_outside_out_is_written_at_any_width(width: int, dtype: str) -> None:
    size = np.dtype(dtype).itemsize
    memory = np.full((width * 3 * 3 + 64) * size, 0xA5, np.uint8)
    out = memory[32 * size : -32 * size].view(dtype).reshape(3, width, 3)
    preprocess(make_frame("i420", 11, 7), (3, width), fit="stretch", dtype=dtype, out=out)
    assert (memory[: 32 * size] == 0xA5).all()
    assert (memory[-32 * size :] == 0xA5).all()


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


def test_one_plan_in_many_threads_gives_one_answer() -> None:
    plan = Preprocessor((64, 64))
    frames = [make_frame("nv12", 200, 100 + i % 3, seed=i) for i in range(12)]
    expected = [preprocess(frame, (64, 64)) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        for frame_out, wanted in zip(pool.map(plan, frames * 10), expected * 10, strict=True):
            assert np.array_equal(frame_out, wanted)


@pytest.mark.parametrize(
    ("num_threads", "error", "text"),
    [
        (0, ValueError, "num_threads must be 1 to 64, got 0"),
        (65, ValueError, "num_threads must be 1 to 64, got 65"),
        (2.0, TypeError, "num_threads must be an int, got float"),
    ],
)
def test_a_wrong_number_of_threads_says_expected_and_got(
    num_threads: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        Preprocessor((2, 2), num_threads=num_threads)


def test_callers_at_once_may_share_one_pool() -> None:
    plan = Preprocessor((200, 200), num_threads=3)
    frames = [make_frame("nv12", 200, 100 + i % 3, seed=i) for i in range(12)]
    expected = [preprocess(frame, (200, 200)) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        for frame_out, wanted in zip(pool.map(plan, frames * 20), expected * 20, strict=True):
            assert np.array_equal(frame_out, wanted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_works_without_its_parents_threads() -> None:
    plan = Preprocessor((200, 200), num_threads=3)
    frame = make_frame("nv12", 200, 100)
    expected = plan(frame)
    child = os.fork()
    if child == 0:
        try:
            same = np.array_equal(plan(frame), expected)
            del plan
            os._exit(0 if same else 1)
        finally:
            os._exit(2)
    ends = time.monotonic() + 60
    while (done := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > ends:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the child hangs")
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(done[1]) == 0
    assert np.array_equal(plan(frame), expected)


@settings(max_examples=200, deadline=None)
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


@pytest.mark.parametrize("shape", [(1, 32768), (32768, 1)])
def test_the_longest_side_is_read_to_its_end(shape: tuple[int, int]) -> None:
    pixels = np.arange(32768, dtype=np.uint32).view(np.uint8)[::4].reshape(shape)
    frame = Frame(np.ascontiguousarray(pixels), shape[1], shape[0], "gray")
    assert np.array_equal(frame.to_rgb()[..., 0], pixels)
    assert_within_bound(frame, (9, 13), fit="stretch")
