"""Frames of a flight are found again where they came from, or are known not to be there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecore import sources
from edgecore.errors import FlightError
from edgecore.flight.pixels import described, packed, sums, unpacked
from edgecore.flight.supply import SourceFrames, begins_anew
from edgecore.frame import Frame

from .source_parts import COUNT, gradient, video


def test_frames_of_a_video_are_found_by_their_number(tmp_path: Path) -> None:
    path = video(tmp_path / "clip.mp4", "mpeg4", "yuv420p")
    with sources.open(path) as source:
        whole = [sums(frame) for frame in source]
    assert len(whole) == COUNT
    supply = SourceFrames(str(path))
    found = {
        number: supply.frame({"label": f"elsewhere/clip.mp4#{number}"})
        for number in (1, 2, 4, 3, 9)
    }
    supply.close()
    assert found[3] is None, "it lies before the one that was asked for"
    assert found[9] is None
    for number in (1, 2, 4):
        frame = found[number]
        assert frame is not None
        assert sums(frame) == whole[number]


def test_pictures_are_found_by_their_name_and_nothing_else_is_opened(tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    for index in range(3):
        Image.fromarray(gradient(32, 24, index)).save(tmp_path / "shots" / f"{index}.png")
    Image.fromarray(gradient(32, 24, 9)).save(tmp_path / "secret.png")
    for url in (tmp_path / "shots", tmp_path / "shots" / "*.png"):
        supply = SourceFrames(str(url))
        frame = supply.frame({"label": "/from/elsewhere/2.png"})
        assert frame is not None
        assert np.array_equal(frame.to_rgb(), gradient(32, 24, 2))
        assert supply.frame({"label": "../secret.png"}) is None
        assert supply.frame({"label": "5.png"}) is None
    (tmp_path / "shots" / "1.png").write_bytes(b"broken")
    with pytest.raises(FlightError, match=r"the source: .*1\.png: not a picture"):
        SourceFrames(str(tmp_path / "shots")).frame({"label": "1.png"})
    with pytest.raises(FlightError, match="label: expected a text, got None"):
        SourceFrames(str(tmp_path / "shots")).frame({})


def test_only_what_gives_the_same_frames_again_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    for url in ("synthetic:?seed=3", str(tmp_path), f"{tmp_path}/clip.mp4", f"{tmp_path}/*.png"):
        assert begins_anew(url)
    for url in ("rtsp://camera/", "/dev/null", f"{tmp_path}/none", "ring:/run/x", "", None, 3):
        assert not begins_anew(url)


@pytest.mark.parametrize("format", ["nv12", "rgb", "i420", "yuyv", "p010", "gray"])
def test_packed_pixels_are_the_frame_whatever_lies_between_rows(format: str) -> None:
    dice = np.random.default_rng(1)
    width, height = 14, 6
    size = Frame(bytes(4 * width * height), width, height, format=format)  # type: ignore[arg-type]
    tight = tuple(dice.integers(0, 256, plane.shape, dtype=np.uint8) for plane in size.planes)
    wide = tuple(
        np.concatenate([plane, np.full_like(plane, 7)], axis=1)[:, : plane.shape[1]]
        for plane in tight
    )
    frame, padded = (
        Frame(planes, width, height, format=format)  # type: ignore[arg-type]
        for planes in (tight, wide)
    )
    assert sums(frame) == sums(padded)
    assert packed(frame) == packed(padded)
    line = {"size": [width, height], "pixels": described(padded)}
    again = unpacked(packed(padded), line)
    assert sums(again) == sums(frame)
    assert (again.format, again.color) == (frame.format, frame.color)
    for index in range(len(tight)):
        other = [plane.copy() for plane in tight]
        other[index].flat[-1] ^= 1
        parted = sums(Frame(tuple(other), width, height, format=format))  # type: ignore[arg-type]
        assert [n for n, (a, b) in enumerate(zip(parted, sums(frame), strict=True)) if a != b] == [
            index
        ]


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"size": [4, 4], "pixels": None},
        {"size": [4], "pixels": {"format": "nv12", "color": "bt601-full"}},
        {"size": [4, "x"], "pixels": {"format": "nv12", "color": "bt601-full"}},
        {"size": [4, 4], "pixels": {"format": [], "color": {}}},
        {"size": [4, 4], "pixels": {"format": "nv99", "color": "bt601-full"}},
        {"size": [2**40, 4], "pixels": {"format": "nv12", "color": "bt601-full"}},
        {"size": [400, 400], "pixels": {"format": "nv12", "color": "bt601-full"}},
    ],
)
def test_a_line_that_describes_no_frame_is_refused(line: dict[str, object]) -> None:
    with pytest.raises(FlightError, match="pixels"):
        unpacked(bytes(24), line)
