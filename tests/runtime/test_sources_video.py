"""Video: planes, colours and times as the file has them; damaged ones; streams of a file."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from edgecore import sources
from edgecore.errors import SourceError
from edgecore.frame import Frame, PixelFormat
from edgecore.sources.video import FORMATS, Video

from .source_parts import COUNT, gradient, video


def as_rgb(frame: Frame) -> np.ndarray:
    """A plain float conversion, nearest chroma; independent of the kernels."""
    if frame.format in {"rgb", "bgr", "rgba"}:
        pixels = np.asarray(frame.planes[0], dtype=np.float64)[..., :3]
        return pixels[..., ::-1] if frame.format == "bgr" else pixels
    if frame.format == "i420":
        luma, u, v = (np.asarray(plane, dtype=np.float64) for plane in frame.planes)
    elif frame.format in {"nv12", "nv21"}:
        luma = np.asarray(frame.planes[0], dtype=np.float64)
        u, v = np.moveaxis(np.asarray(frame.planes[1], dtype=np.float64), 2, 0)
        u, v = (u, v) if frame.format == "nv12" else (v, u)
    else:
        packed = np.asarray(frame.planes[0], dtype=np.float64).reshape(frame.height, -1, 4)
        first = 0 if frame.format == "yuyv" else 1
        luma = packed[..., [first, first + 2]].reshape(frame.height, -1)
        u, v = packed[..., 1 - first], packed[..., 3 - first]
    down = 1 if u.shape[0] == frame.height else 2
    u, v = (np.repeat(np.repeat(c, down, 0), 2, 1) for c in (u, v))
    u, v = (c[: frame.height, : frame.width] - 128 for c in (u, v))
    luma = luma[: frame.height, : frame.width]
    if frame.color.endswith("limited"):
        luma, u, v = (luma - 16) * 255 / 219, u * 255 / 224, v * 255 / 224
    kr, kb = (0.299, 0.114) if frame.color.startswith("bt601") else (0.2126, 0.0722)
    red, blue = luma + 2 * (1 - kr) * v, luma + 2 * (1 - kb) * u
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.stack([red, green, blue], axis=2), 0, 255)


CASES = [
    ("clip.mp4", "libx264", "yuv420p", (96, 64), 5, 1, "i420", "bt601-limited"),
    ("wide.mp4", "libx264", "yuv420p", (98, 66), 1, 1, "i420", "bt709-limited"),
    ("full.mp4", "libx264", "yuv420p", (96, 64), 1, 2, "i420", "bt709-full"),
    ("jpeg.avi", "mjpeg", "yuvj420p", (96, 64), 5, 2, "i420", "bt601-full"),
    ("raw.nut", "rawvideo", "nv12", (96, 64), 5, 1, "nv12", "bt601-limited"),
    ("odd.nut", "rawvideo", "yuv420p", (97, 65), 5, 1, "i420", "bt601-limited"),
    ("packed.nut", "rawvideo", "yuyv422", (96, 64), 5, 1, "yuyv", "bt601-limited"),
    ("uyvy.nut", "rawvideo", "uyvy422", (96, 64), 5, 1, "uyvy", "bt601-limited"),
    ("nv21.nut", "rawvideo", "nv21", (96, 64), 5, 1, "nv21", "bt601-limited"),
    ("rgba.nut", "rawvideo", "rgba", (96, 64), 5, 1, "rgba", "bt601-full"),
    ("bgr.nut", "rawvideo", "bgr24", (96, 64), 5, 1, "bgr", "bt601-full"),
]


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "size", "space", "spread", "format", "color"),
    CASES,
    ids=[case[0] for case in CASES],
)
def test_video_planes_come_as_they_lie_with_the_streams_colours(
    tmp_path: Path,
    name: str,
    codec: str,
    pixels: str,
    size: tuple[int, int],
    space: int,
    spread: int,
    format: str,
    color: str,
) -> None:
    path = video(tmp_path / name, codec, pixels, size, space, spread)
    with sources.open(path) as source:
        frames = list(source)
        assert source.notes == []
        assert not source.live
        assert source.dropped == 0
    assert len(frames) == COUNT
    for index, frame in enumerate(frames):
        assert (frame.width, frame.height) == size
        assert frame.format == format
        if format not in {"bgr", "rgba"}:
            assert frame.color == color
        error = np.abs(as_rgb(frame) - gradient(*size, index))
        assert np.median(error) < 4


def test_frames_stay_whole_after_later_ones_were_decoded(tmp_path: Path) -> None:
    with sources.open(video(tmp_path / "clip.mp4", "libx264", "yuv420p")) as source:
        frames = list(source)
    for index, frame in enumerate(frames):
        assert np.median(np.abs(as_rgb(frame) - gradient(96, 64, index))) < 4


@pytest.mark.parametrize("size", [(96, 64), (97, 65), (1, 1)])
@pytest.mark.parametrize(("pixels", "format"), FORMATS.items())
def test_a_raw_file_gives_its_own_bytes(
    tmp_path: Path, pixels: str, format: PixelFormat, size: tuple[int, int]
) -> None:
    enough = 4 * (size[0] + 1) * (size[1] + 1)
    data = np.random.default_rng(0).integers(0, 256, enough, np.uint8)
    planes = Frame(data, *size, format).planes
    path = tmp_path / "clip.raw"
    path.write_bytes(b"".join(plane.tobytes() for plane in planes))
    options = {"pixel_format": pixels, "video_size": f"{size[0]}x{size[1]}"}
    with Video(str(path), container_format="rawvideo", options=options) as source:
        frames = list(source)
        assert source.notes == []
    assert [frame.format for frame in frames] == [format]
    for plane, expected in zip(frames[0].planes, planes, strict=True):
        assert np.array_equal(plane, expected)


@pytest.mark.parametrize("pixels", ["yuv422p", "yuv444p10le"])
def test_other_pixel_formats_are_converted_and_it_is_said(tmp_path: Path, pixels: str) -> None:
    path = video(tmp_path / "clip.mkv", "ffv1", pixels)
    with sources.open(path) as source:
        frames = list(source)
        assert source.notes == [f"pixel format {pixels} is converted to yuv420p by swscale"]
    assert [frame.format for frame in frames] == ["i420"] * COUNT
    assert np.median(np.abs(as_rgb(frames[2]) - gradient(96, 64, 2))) < 4


@pytest.mark.parametrize(
    ("color_range", "format", "black", "white"), [(0, "gray", 0, 255), (1, "i420", 16, 235)]
)
@pytest.mark.parametrize("pixels", ["gray", "gray10le"])
def test_gray_is_as_bright_as_its_range_says(
    tmp_path: Path, pixels: str, color_range: int, format: str, black: int, white: int
) -> None:
    path, shift = tmp_path / "clip.mkv", 2 if pixels == "gray10le" else 0
    levels = np.linspace(black, white, 97, dtype=np.uint16)[None].repeat(65, axis=0)
    picture = av.VideoFrame.from_ndarray(
        (levels << shift) if shift else levels.astype(np.uint8), pixels
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 97, 65, pixels
        stream.codec_context.color_range = color_range
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    with sources.open(path) as source:
        frame = next(source)
        note = "pixel format gray10le is converted to gray by swscale"
        assert source.notes == ([note] if shift else [])
    assert frame.format == format
    rounding = 1 if shift else 0  # swscale's
    assert np.abs(frame.planes[0] - levels.astype(float)).max() <= rounding
    expected = np.rint((levels - float(black)) * 255 / (white - black))
    assert np.abs(frame.to_rgb() - expected[..., None]).max() <= 1 + rounding


def test_full_range_is_kept_when_a_format_is_converted(tmp_path: Path) -> None:
    with sources.open(video(tmp_path / "clip.avi", "mjpeg", "yuvj422p", color_range=2)) as source:
        frame = next(source)
        assert source.notes == ["pixel format yuvj422p is converted to yuv420p by swscale"]
    assert (frame.format, frame.color) == ("i420", "bt601-full")
    assert np.median(np.abs(as_rgb(frame) - gradient(96, 64))) < 4


def test_video_times_are_the_streams_own(tmp_path: Path) -> None:
    before_ns = time.monotonic_ns()
    with sources.open(video(tmp_path / "clip.mp4", "libx264", "yuv420p")) as source:
        stamps = [frame.timestamp_ns for frame in source]
        assert source.fps == 10
        assert source.length == COUNT
        assert source.label.endswith(f"clip.mp4#{COUNT - 1}")
    assert all(stamp is not None for stamp in stamps)
    assert stamps[0] >= before_ns
    assert np.diff(stamps).tolist() == [100_000_000] * (COUNT - 1)


def test_a_file_that_was_cut_off_is_not_one_that_ended(tmp_path: Path, test_data: Path) -> None:
    whole, cut = test_data / "video/highway_1280x720.mp4", tmp_path / "cut.mp4"
    with av.open(str(whole)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    cut.write_bytes(whole.read_bytes()[: packets[12].pos + packets[12].size // 2])
    with Video(str(cut)) as file, pytest.raises(SourceError, match=r"after frame 12: it is cut"):
        list(file)


def test_damaged_packets_end_a_file_but_not_a_live_stream(tmp_path: Path) -> None:
    path = video(tmp_path / "clip.mkv", "mpeg4", "yuv420p")
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        damaged = packets[len(packets) // 2]
        where = path.read_bytes().index(bytes(damaged))
        size = damaged.size
    raw = bytearray(path.read_bytes())
    raw[where : where + size] = b"\xff" * size
    path.write_bytes(raw)
    with Video(str(path)) as file, pytest.raises(SourceError, match=r"damaged after frame \d+: "):
        list(file)
    with Video(str(path), live=True) as stream:
        assert len(list(stream)) >= len(packets) - 2
        assert stream.dropped >= 1
        assert stream.notes == ["damaged packets of the stream are left out"]


def test_network_stream_is_live_and_ends_with_its_sender(tmp_path: Path) -> None:
    path = video(tmp_path / "clip.ts", "mpeg2video", "yuv420p")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(path.read_bytes())

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        with sources.open(f"tcp://127.0.0.1:{server.getsockname()[1]}") as source:
            assert source.live
            frames = list(source)
            assert len(frames) + source.dropped == COUNT
        sender.join()
    assert {frame.format for frame in frames} == {"i420"}


@pytest.mark.parametrize(
    ("name", "count", "color"),
    [
        ("highway_1280x720.mp4", 38, "bt709-limited"),
        ("lane_960x540.mp4", 221, "bt601-limited"),
    ],
)
def test_dash_cam_videos_come_whole(test_data: Path, name: str, count: int, color: str) -> None:
    with sources.open(test_data / "video" / name) as source:
        seen = [(frame.format, frame.color) for frame in source]
    assert seen == [("i420", color)] * count


@pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "libx264"), ("clip.mkv", "mpeg4")])
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_looped_video_begins_again_and_its_times_go_on(
    tmp_path: Path, name: str, codec: str, scheme: str
) -> None:
    path = video(tmp_path / name, codec, "yuv420p")
    with sources.open(f"{scheme}{path}?loop=1") as source:
        assert (source.length, source.live) == (None, False)
        frames = [next(source) for _ in range(3 * COUNT + 2)]
        assert source.label.endswith(f"{name}#{3 * COUNT + 1}")
    stamps = [frame.timestamp_ns for frame in frames]
    assert np.diff(stamps).tolist() == pytest.approx([1e8] * (3 * COUNT + 1), abs=1e6)
    for number, frame in enumerate(frames):
        again = frames[number % COUNT].planes
        assert all(map(np.array_equal, frame.planes, again))


def test_looped_file_leaves_nothing_behind_however_often_it_begins(tmp_path: Path) -> None:
    path = video(tmp_path / "clip.mp4", "libx264", "yuv420p")
    process = psutil.Process()
    with sources.open(f"{path}?loop=1") as source:
        for _ in range(10 * COUNT):
            next(source)
        before = process.num_fds(), process.num_threads()
        for _ in range(100 * COUNT):
            next(source)
        assert (process.num_fds(), process.num_threads()) <= before
