"""Sources by their address: bad input is one clear line; the synthetic road."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecore import sources
from edgecore.errors import SourceError
from edgecore.sources.synthetic import SyntheticOptions, SyntheticRoad

from .source_parts import gradient, video


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
    elif name == "pipe.mp4":
        os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.jpg", "no such file or folder"),
        ("empty.jpg", r"empty file \(0 bytes\)"),
        ("empty.mp4", r"empty file \(0 bytes\)"),
        ("garbage.jpg", "not a picture|damaged picture"),  # Pillow 9.4 takes it for one
        ("truncated.jpg", "damaged picture"),
        ("flat.bmp", "no pixels|not a picture|damaged"),
        ("text.mp4", "not a video"),
        ("truncated.mp4", "not a video, or a damaged one"),
        ("sound.wav", "expected a video, found none"),
        ("folder", "no pictures in this folder"),
        ("pipe.mp4", "expected a file or folder, got something else"),
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
        ("/nowhere.mp4?loop=1", "no such file|no file matches"),
        ("synthetic:fast", "expected synthetic: or synthetic:"),
    ],
)
def test_bad_url_is_one_clear_line(url: str, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        sources.open(url)
    assert "\n" not in str(caught.value)


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


def test_reader_that_sleeps_past_the_end_of_the_road_misses_no_more_than_there_was() -> None:
    with SyntheticRoad(SyntheticOptions(fps=10, duration=0.3)) as road:
        next(road)
        time.sleep(1.0)
        assert list(road) == []
        assert road.dropped == 2


def test_road_with_a_first_frame_begins_there_now() -> None:
    for realtime in (False, True):
        before_ns = time.monotonic_ns()
        road = SyntheticRoad(SyntheticOptions(fps=20, duration=0.3, first=120, realtime=realtime))
        opened_ns = time.monotonic_ns()
        with road:
            frame = next(road)
        number = int(road.label.partition("#")[2])
        assert number == 120 or (realtime and number > 120)  # it was kept waiting
        assert frame.timestamp_ns is not None
        since_ns = frame.timestamp_ns - (number - 120) * 50_000_000
        assert before_ns <= since_ns <= opened_ns


def test_only_a_video_is_repeated_and_a_name_that_exists_is_that_file(tmp_path: Path) -> None:
    Image.fromarray(gradient(8, 8)).save(tmp_path / "picture.png")
    with pytest.raises(SourceError, match="expected a video to repeat, got a picture"):
        sources.open(f"{tmp_path}/picture.png?loop=1")
    (tmp_path / "picture.png").rename(tmp_path / "picture.png?loop=1")
    with sources.open(f"{tmp_path}/picture.png?loop=1") as source:
        assert len(list(source)) == 1
