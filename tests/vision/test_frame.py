"""Frames are views of the caller's memory, or refused with what was expected and what came."""

import numpy as np
import pytest

import edgecore
from edgecore import Frame

ODD = {
    "rgb": [(5, 7, 3)],
    "bgr": [(5, 7, 3)],
    "rgba": [(5, 7, 4)],
    "bgra": [(5, 7, 4)],
    "gray": [(5, 7)],
    "nv12": [(5, 7), (3, 4, 2)],
    "nv21": [(5, 7), (3, 4, 2)],
    "i420": [(5, 7), (3, 4), (3, 4)],
    "yuyv": [(5, 4, 4)],
    "uyvy": [(5, 4, 4)],
    "p010": [(5, 7, 2), (3, 4, 4)],
    "rggb": [(5, 7)],
    "bggr": [(5, 7)],
    "grbg": [(5, 7)],
    "gbrg": [(5, 7)],
}


@pytest.mark.parametrize("format", ODD)
def test_flat_data_is_viewed_plane_after_plane(format: str) -> None:
    sizes = [int(np.prod(shape)) for shape in ODD[format]]
    data = np.arange(sum(sizes), dtype=np.uint8)
    frame = Frame(data, 7, 5, format)
    assert [plane.shape for plane in frame.planes] == ODD[format]
    assert all(np.shares_memory(plane, data) for plane in frame.planes)
    assert np.array_equal(np.concatenate([p.ravel() for p in frame.planes]), data)


@pytest.mark.parametrize("format", ODD)
def test_separate_planes_with_padded_rows_are_viewed(format: str) -> None:
    rng = np.random.default_rng(1)
    planes = []
    for shape in ODD[format]:
        padded = rng.integers(0, 256, (shape[0], shape[1] + 9, *shape[2:]), np.uint8)
        planes.append(padded[:, : shape[1]])
    frame = Frame(tuple(planes), 7, 5, format)
    for plane, given in zip(frame.planes, planes, strict=True):
        assert np.shares_memory(plane, given)
        assert np.array_equal(plane, given)


@pytest.mark.parametrize("format", ODD)
def test_strides_place_the_planes_of_a_flat_buffer(format: str) -> None:
    shapes = ODD[format]
    strides = [int(np.prod(shape[1:])) + 5 for shape in shapes]
    data = np.random.default_rng(2).integers(0, 256, 4096, np.uint8)
    frame = Frame(data.tobytes(), 7, 5, format, strides)
    start = 0
    for plane, shape, stride in zip(frame.planes, shapes, strides, strict=True):
        rows = [
            data[start + stride * y :][: stride - 5].reshape(shape[1:]) for y in range(shape[0])
        ]
        assert np.array_equal(plane, np.stack(rows))
        start += stride * shape[0]


def test_one_stride_serves_all_planes_as_video_buffers_have_it() -> None:
    assert [p.strides[0] for p in Frame(bytes(999), 10, 6, "nv12", 32).planes] == [32, 32]
    assert [p.strides[0] for p in Frame(bytes(999), 10, 6, "i420", 33).planes] == [33, 17, 17]


def test_opencv_shaped_yuv_array_is_split_into_planes() -> None:
    data = np.arange(9 * 8, dtype=np.uint8).reshape(9, 8)
    y, uv = Frame(data, 8, 6).planes
    assert np.array_equal(y, data[:6])
    assert np.array_equal(uv.reshape(3, 8), data[6:])
    padded = np.zeros((9, 16), np.uint8)
    padded[:, :8] = data
    assert np.array_equal(Frame(padded, 8, 6).planes[1], uv)


def test_packed_yuv_may_come_as_pixels_of_two_bytes() -> None:
    data = np.arange(4 * 6 * 2, dtype=np.uint8).reshape(4, 6, 2)
    assert np.array_equal(Frame(data, 6, 4, "yuyv").planes[0], data.reshape(4, 3, 4))


def test_words_are_viewed_as_their_bytes() -> None:
    words = np.arange(9 * 8, dtype=np.uint16).reshape(9, 8) << 6
    luma, chroma = words[:6], words[6:].reshape(3, 4, 2)
    for data in (words, words.reshape(-1), (luma, chroma), (luma, words[6:]), words.tobytes()):
        y, uv = Frame(data, 8, 6, "p010").planes
        assert np.array_equal(np.ascontiguousarray(y).view(np.uint16)[..., 0], luma)
        assert np.array_equal(np.ascontiguousarray(uv).view(np.uint16), chroma)
    padded = np.zeros((9, 16), np.uint16)
    padded[:, :8] = words
    y, uv = Frame(padded, 8, 6, "p010").planes
    assert np.shares_memory(y, padded)
    assert np.array_equal(uv, Frame(words, 8, 6, "p010").planes[1])
    assert np.array_equal(Frame((luma[::-1], chroma), 8, 6, "p010").planes[0][0], y[-1])


@pytest.mark.parametrize("format", ODD)
def test_planes_of_read_only_memory_are_read_only(format: str) -> None:
    data = np.zeros(200, np.uint8)
    assert all(plane.flags.writeable for plane in Frame(data, 7, 5, format).planes)
    data.flags.writeable = False
    frame = Frame(data, 7, 5, format)
    assert not any(plane.flags.writeable for plane in frame.planes)


def test_sides_are_ints_whatever_integers_they_come_as() -> None:
    frame = Frame(np.zeros(24, np.uint8), np.int64(4), np.uint16(2), "rgb")
    assert [type(side) for side in (frame.width, frame.height)] == [int, int]
    assert frame.kind == Frame(bytes(24), 4, 2, "rgb").kind == ("rgb", "bt601-limited", 4, 2)


def test_rows_may_run_upwards() -> None:
    data = np.random.default_rng(3).integers(0, 256, (4, 6, 3), np.uint8)
    assert np.array_equal(Frame(data[::-1], 6, 4, "rgb").planes[0], data[::-1])


def test_the_callers_memory_is_seen_live() -> None:
    data = bytearray(6 * 4 * 3)
    frame = Frame(data, 6, 4, "rgb")
    data[0] = 77
    assert frame.planes[0][0, 0, 0] == 77


def test_last_row_needs_no_padding() -> None:
    needed = 16 * 3 + 6 + 10  # four gray rows of 6 bytes, 16 apart
    assert Frame(bytes(needed - 10), 6, 4, "gray", 16).planes[0].shape == (4, 6)
    with pytest.raises(ValueError, match=r"needs 54 bytes, got 53"):
        Frame(bytes(needed - 11), 6, 4, "gray", 16)


@pytest.mark.parametrize("format", ODD)
def test_a_short_buffer_is_refused_with_both_lengths(format: str) -> None:
    needed = sum(int(np.prod(shape)) for shape in ODD[format])
    with pytest.raises(ValueError, match=f"{format} 7x5 .*needs {needed} bytes, got {needed - 1}"):
        Frame(bytes(needed - 1), 7, 5, format)
    with pytest.raises(ValueError, match=f"needs {needed} bytes, got 0"):
        Frame(b"", 7, 5, format)


@pytest.mark.parametrize("side", [0, -4, 32769, 10**30])
def test_impossible_sizes_are_refused(side: int) -> None:
    with pytest.raises(ValueError, match=f"width must be 1 to 32768 pixels, got {side}"):
        Frame(bytes(100), side, 4, "rgb")
    with pytest.raises(ValueError, match=f"height must be 1 to 32768 pixels, got {side}"):
        Frame(bytes(100), 4, side, "rgb")


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"format": "p016"}, ValueError, r"format must be one of rgb, .*; got 'p016'"),
        (
            {"format": "p010", "data": np.zeros(12, np.int16)},
            TypeError,
            r"must be uint16 or uint8 for p010, got int16",
        ),
        (
            {"format": "p010", "data": np.zeros(12, ">u2")},
            TypeError,
            r"must be uint16 or uint8 for p010, got >u2",
        ),
        (
            {"format": "p010", "data": (np.zeros((2, 8), np.uint16)[:, ::2], bytes(8))},
            TypeError,
            r"words of a row must lie next to each other, got strides \(16, 4\)",
        ),
        (
            {"format": "p010", "data": np.array(7, np.uint16)},
            ValueError,
            r"needs 24 bytes, got 2",
        ),
        ({"color": "srgb"}, ValueError, r"color must be one of bt601-limited, .*; got 'srgb'"),
        ({"format": ["rgb"]}, ValueError, r"format must be one of rgb, .*; got \['rgb'\]"),
        ({"width": 4.0}, TypeError, r"width must be an int, got float"),
        ({"data": np.zeros((2, 4, 3), np.float32)}, TypeError, r"must be uint8, got float32"),
        ({"data": "pixels"}, TypeError, r"must be a uint8 array .* got str"),
        ({"data": np.zeros((4, 2, 3), np.uint8)}, ValueError, r"\(2, 4, 3\), got \(4, 2, 3\)"),
        ({"data": np.zeros((2, 3, 4), np.uint8)}, ValueError, r"\(2, 4, 3\), got \(2, 3, 4\)"),
        ({"data": np.zeros((2, 8, 3), np.uint8)[:, ::2]}, TypeError, r"next to each other"),
        ({"data": np.zeros((2, 4, 3), np.uint8)[..., ::-1]}, TypeError, r"next to each other"),
        ({"data": (bytes(24), bytes(24))}, ValueError, r"has 1 planes, got 2"),
        ({"strides": 11}, ValueError, r"plane 0 must be at least 12 bytes, got 11"),
        ({"strides": (12, 12)}, ValueError, r"strides must have 1 entries, got 2"),
        ({"strides": -12}, ValueError, r"at least 12 bytes, got -12"),
        ({"data": np.zeros(48, np.uint8)[::2]}, TypeError, r"must be C-contiguous"),
    ],
)
def test_wrong_arguments_say_expected_and_got(
    arguments: dict[str, object], error: type[Exception], text: str
) -> None:
    call = {"data": bytes(24), "width": 4, "height": 2, "format": "rgb", **arguments}
    Frame(bytes(24), 4, 2, "rgb")  # what is remembered of it excuses nothing
    with pytest.raises(error, match=text):
        Frame(**call)


def test_repr_names_format_and_size() -> None:
    assert repr(Frame(bytes(24), 4, 4, "nv12", color="bt709-full")) == "<Frame nv12 4x4 bt709-full>"
    assert edgecore.Frame is Frame
