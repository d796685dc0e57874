"""Cameras of V4L2, by FFmpeg's own code, on a driver written for these tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecore import sources
from edgecore.errors import SourceError
from edgecore.frame import Frame
from tests.link.compiling import library as compiled

from .firmware_process import environment

DEVICE = Path(__file__).with_name("v4l2_device.c")
SIZE = (64, 48)
FRAMES = 8
WATCH = f"""
import json, sys
from edgecore import sources
with sources.open(sys.argv[1]) as camera:
    told = []
    camera.on_change = lambda change: told.append([change.kind, change.reason])
    kept = [frame for frame, _ in zip(camera, range({FRAMES}))]
    camera.close()  # and the driver's buffers with it
    seen = []
    for frame in kept:
        planes = [plane.tobytes().hex() for plane in frame.planes]
        seen.append([frame.format, frame.width, frame.height, frame.timestamp_ns, planes])
    print(json.dumps([camera.description, camera.live, camera.notes, seen, told]))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("v4l2") / "device.so", DEVICE)


def watched(library: Path, folder: Path, options: str, **driver: str) -> list[Any]:
    """What a process sees of the camera: description, live, notes, frames, changes."""
    device = folder / "video0"
    device.write_bytes(bytes(32 << 16))
    done = subprocess.run(
        [sys.executable, "-c", WATCH, f"v4l2:{device}?{options}"],
        env={**environment(), "LD_PRELOAD": str(library), "V4L2_DEVICE": str(device), **driver},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    said: list[Any] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize(("asked", "format"), [("yuyv422", "yuyv"), ("nv12", "nv12")])
def test_planes_of_a_camera_come_as_its_driver_wrote_them_with_its_stamps(
    library: Path, tmp_path: Path, asked: str, format: Any
) -> None:
    options = f"video_size={SIZE[0]}x{SIZE[1]}&input_format={asked}&framerate=25"
    description, live, notes, seen, told = watched(library, tmp_path, options)
    assert description == f"{tmp_path}/video0: rawvideo 64x48 at 25 frames/s"
    assert (live, notes, told) == (True, [], [])
    numbers = []
    for kind, width, height, t_ns, planes in seen:
        assert (kind, width, height) == (format, *SIZE)
        data = np.frombuffer(bytes.fromhex("".join(planes)), np.uint8)
        assert data.size == sum(plane.size for plane in Frame(data, *SIZE, format).planes)
        assert t_ns == 1000 * int(data[:8].view(np.uint64)[0])
        index = np.arange(data.size)
        numbers.append(int(data[8]) - 8)
        assert np.array_equal(data[8:], (index + numbers[-1]).astype(np.uint8)[8:])
    assert numbers == sorted(set(numbers))


def test_a_camera_that_is_unplugged_is_opened_again_and_its_frames_stay_whole(
    library: Path, tmp_path: Path
) -> None:
    options = f"video_size={SIZE[0]}x{SIZE[1]}&input_format=yuyv422"
    *_, seen, told = watched(library, tmp_path, options, V4L2_FRAMES="4")
    assert len(seen) == FRAMES
    assert [kind for kind, _ in told] == ["source_lost", "source_back"]
    assert "No such device" in told[0][1]


def test_a_format_that_the_driver_does_not_have_gives_one_that_it_has(
    library: Path, tmp_path: Path
) -> None:
    *_, seen, _ = watched(library, tmp_path, "video_size=64x48&input_format=rgb24")
    assert {frame[0] for frame in seen} == {"yuyv"}


def test_a_size_that_the_driver_does_not_take_is_one_clear_line(
    library: Path, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=r"SourceError: \S*video0: Invalid argument"):
        watched(library, tmp_path, "video_size=4096x4096&input_format=yuyv422")


def test_a_file_that_is_no_camera_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "video0"
    file.write_bytes(bytes(64))
    with pytest.raises(SourceError, match=f"{file}: ") as caught:
        sources.open(f"v4l2:{file}?video_size=640x480&input_format=yuyv422")
    assert "\n" not in str(caught.value)
