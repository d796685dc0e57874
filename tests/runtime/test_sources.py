"""Sources: what is read is what was written, live ones drop, bad input is one clear line."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from edgecore import sources
from edgecore.errors import SourceError
from edgecore.frame import Frame, PixelFormat
from edgecore.sources.live import Latest
from edgecore.sources.source import Source
from edgecore.sources.video import FORMATS, Video

COUNT = 6


def gradient(width: int, height: int, index: int = 0) -> np.ndarray:
    """A smooth picture that compression keeps, different for each index."""
    y, x = np.mgrid[0:height, 0:width]
    red = 40 + 150 * x / width
    green = 60 + 120 * y / height
    blue = np.full_like(red, 50 + 20 * index)
    return np.stack([red, green, blue], axis=2).astype(np.uint8)


def video(
    path: Path,
    codec: str,
    pixels: str,
    size: tuple[int, int] = (96, 64),
    colorspace: int = 5,
    color_range: int = 1,
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.colorspace = colorspace
        stream.codec_context.color_range = color_range
        if codec == "libx264":
            stream.options = {"crf": "10", "preset": "ultrafast"}
        for index in range(COUNT):
            picture = av.VideoFrame.from_ndarray(gradient(*size, index), "rgb24").reformat(
                format=pixels, dst_colorspace=colorspace, dst_color_range=color_range
            )
            picture.pts = index
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


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


def test_picture_folder_comes_in_the_order_of_its_names(tmp_path: Path) -> None:
    for index, name in enumerate(["b.png", "a.bmp", "c.webp"]):
        Image.fromarray(gradient(40, 30, index)).save(tmp_path / name, lossless=True)
    (tmp_path / "notes.txt").write_text("not a picture")
    with sources.open(tmp_path) as source:
        assert source.length == 3
        frames = {}
        for frame in source:
            frames[Path(source.label).name] = frame
    assert list(frames) == ["a.bmp", "b.png", "c.webp"]
    for index, name in enumerate(["b.png", "a.bmp", "c.webp"]):
        assert frames[name].format == "rgb"
        assert np.array_equal(frames[name].planes[0], gradient(40, 30, index))


def test_glob_takes_what_matches(tmp_path: Path) -> None:
    for name in ("shot1.png", "shot2.png", "other.png"):
        Image.fromarray(gradient(8, 8)).save(tmp_path / name)
    with sources.open(f"{tmp_path}/shot?.png") as source:
        assert len(list(source)) == 2


def test_name_with_glob_characters_that_exists_is_that_file(tmp_path: Path) -> None:
    Image.fromarray(gradient(8, 8)).save(tmp_path / "shot[1].png")
    with sources.open(tmp_path / "shot[1].png") as source:
        assert len(list(source)) == 1


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_every_picture_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    gray = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (16, 1))
    if mode == "I;16":
        image = Image.fromarray(gray.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(gray).convert("RGB").convert(mode)
    path = tmp_path / ("picture.tif" if mode in {"CMYK", "I;16"} else "picture.png")
    image.save(path)
    with sources.open(path) as source:
        pixels = next(iter(source)).planes[0]
    assert pixels.shape == (16, 32, 3)
    if mode in {"L", "RGBA", "I;16"}:
        assert np.array_equal(pixels[:, :, 1], gray)


def test_picture_is_turned_upright_by_its_exif_tag(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(gradient(40, 30)).save(tmp_path / "phone.jpg", exif=exif)
    with sources.open(tmp_path / "phone.jpg") as source:
        frame = next(iter(source))
    assert (frame.width, frame.height) == (30, 40)


def damaged(folder: Path, name: str) -> Path:
    """Bad inputs by name; each is made anew."""
    path = folder / name
    if name == "gone.jpg":
        return path
    if name.startswith("empty"):
        path.touch()
    elif name == "garbage.jpg":
        path.write_bytes(bytes(range(256)) * 8)
    elif name == "truncated.jpg":
        Image.fromarray(gradient(200, 100)).save(folder / "whole.jpg")
        whole = (folder / "whole.jpg").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif name == "flat.bmp":
        Image.fromarray(gradient(4, 4)).save(path)
        raw = bytearray(path.read_bytes())
        raw[18:22] = bytes(4)
        path.write_bytes(raw)
    elif name == "text.mp4":
        path.write_text("this is no video")
    elif name == "truncated.mp4":
        whole = video(folder / "whole.mp4", "libx264", "yuv420p").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif name == "sound.wav":
        import wave

        with wave.open(str(path), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(bytes(1600))
    elif name == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.jpg", "no such file or folder"),
        ("empty.jpg", r"empty file \(0 bytes\)"),
        ("empty.mp4", r"empty file \(0 bytes\)"),
        ("garbage.jpg", "not a picture"),
        ("truncated.jpg", "damaged picture"),
        ("flat.bmp", "no pixels|not a picture|damaged"),
        ("text.mp4", "not a video"),
        ("truncated.mp4", "not a video, or a damaged one"),
        ("sound.wav", "expected a video, found none"),
        ("folder", "no pictures in this folder"),
    ],
)
def test_bad_file_is_one_clear_line(tmp_path: Path, name: str, message: str) -> None:
    path = damaged(tmp_path, name)
    with pytest.raises(SourceError, match=message) as caught, sources.open(path) as source:
        list(source)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("gopher://host/x", "unknown kind of source 'gopher'"),
        ("/nowhere/*.jpg", "no file matches"),
        ("/dev/video99", r"no such camera \(cameras on this machine: "),
        ("v4l2:/dev/video99?framerate=30", "no such camera"),
        ("rtsp://127.0.0.1:9/cam", "[Cc]onnection refused"),
        ("synthetic:?fsp=10", r"unknown option 'fsp'; did you mean fps\?"),
        ("synthetic:?fps=fast", "fps: expected float from 0.1 to 240, got 'fast'"),
        ("synthetic:?fps=nan", "fps: expected float from 0.1 to 240, got 'nan'"),
        ("synthetic:?format=h264", "format: expected nv12 or rgb, got 'h264'"),
        ("synthetic:?realtime=maybe", "realtime: expected 0 or 1, got 'maybe'"),
        ("synthetic:fast", "expected synthetic: or synthetic:"),
    ],
)
def test_bad_url_is_one_clear_line(url: str, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        sources.open(url)
    assert "\n" not in str(caught.value)


def test_damaged_picture_in_a_folder_is_told_and_the_others_come(tmp_path: Path) -> None:
    Image.fromarray(gradient(8, 8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"garbage")
    Image.fromarray(gradient(8, 8)).save(tmp_path / "c.png")
    with sources.open(tmp_path) as source:
        assert source.resumable
        assert next(source).width == 8
        with pytest.raises(SourceError, match=r"b\.png"):
            next(source)
        assert next(source).width == 8
        with pytest.raises(StopIteration):
            next(source)


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


class Camera(Source):
    """One frame; after `go` more as fast as they are asked for, then an error or the end."""

    def __init__(self, count: int, error: SourceError | None = None) -> None:
        super().__init__()
        self.description = "test camera"
        self.closed = False
        self.go = threading.Event()
        self._left = count
        self._index = -1
        self._error = error

    def __next__(self) -> Frame:
        if self._index == 0:
            self.go.wait()
        if self._left == 0:
            if self._error:
                raise self._error
            raise StopIteration
        self._left -= 1
        self._index += 1
        return Frame(np.zeros((2, 2, 3), np.uint8), 2, 2, "rgb", timestamp_ns=self._index)

    def close(self) -> None:
        self.closed = True


def ended(source: Latest) -> None:
    """Wait until the reader has put its last frame into the slot."""
    source._thread.join()


def test_latest_frame_wins_and_the_others_are_counted() -> None:
    camera = Camera(10)
    with Latest(camera) as source:
        first = next(source)
        camera.go.set()
        ended(source)
        frames = [first, *source]
    assert [frame.timestamp_ns for frame in frames] == [0, 9]
    assert source.dropped == 8
    assert camera.closed


def test_error_of_a_live_source_comes_after_its_last_frame() -> None:
    camera = Camera(2, SourceError("unplugged"))
    with Latest(camera) as source:
        next(source)
        camera.go.set()
        ended(source)
        assert next(source).timestamp_ns == 1
        with pytest.raises(SourceError, match="unplugged"):
            next(source)
        with pytest.raises(StopIteration):
            next(source)


def test_closing_a_live_source_ends_its_reader_and_the_inner_source(tmp_path: Path) -> None:
    camera = Camera(-1)
    source = Latest(camera)
    next(source)
    camera.go.set()
    source.close()
    ended(source)
    with pytest.raises(StopIteration):
        next(source)
    assert camera.closed
    source.close()


def test_live_source_that_nobody_read_is_closed_all_the_same() -> None:
    camera = Camera(1)
    with Latest(camera) as source:
        pass
    assert camera.closed
    with pytest.raises(StopIteration):
        next(source)


def test_synthetic_road_by_its_own_clock_is_the_same_every_time() -> None:
    url = "synthetic:?realtime=0&fps=4&duration=2&epoch_ns=1000&seed=3"
    runs = []
    for _ in range(2):
        with sources.open(url) as source:
            assert (source.length, source.live) == (8, False)
            runs.append([(frame.timestamp_ns, frame.to_rgb()) for frame in source])
    assert [t_ns for t_ns, _ in runs[0]] == [1000 + 250_000_000 * i for i in range(8)]
    for (_, one), (_, other) in zip(*runs, strict=True):
        assert np.array_equal(one, other)


def test_synthetic_road_begins_with_the_named_frame() -> None:
    with sources.open("synthetic:?realtime=0&duration=1", epoch_ns=0) as source:
        whole = [(frame.timestamp_ns, frame.to_rgb(), source.label) for frame in source]
    with sources.open("synthetic:?realtime=0&first=7", epoch_ns=0) as source:
        frame = next(source)
        assert (frame.timestamp_ns, source.label) == (whole[7][0], whole[7][2])
        assert np.array_equal(frame.to_rgb(), whole[7][1])


def test_synthetic_road_in_real_time_shows_the_scene_of_the_moment() -> None:
    epoch_ns = time.monotonic_ns() - 5_000_000_000
    with sources.open("synthetic:?fps=10&duration=1", epoch_ns=epoch_ns) as source:
        assert source.live
        before_ns = time.monotonic_ns()
        frame = next(source)
        assert frame.timestamp_ns is not None
        assert before_ns - 110_000_000 <= frame.timestamp_ns <= time.monotonic_ns()
        assert (frame.timestamp_ns - epoch_ns) % 100_000_000 == 0
        rest = list(source)
        assert 1 + len(rest) + source.dropped == 10
    with sources.open("synthetic:?fps=10&duration=1&format=rgb", realtime=0) as source:
        assert {frame.format for frame in source} == {"rgb"}


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
