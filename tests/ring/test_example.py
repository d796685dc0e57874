"""examples/ring_producer: a camera process in C, and a reader that has never met it."""

import os
import signal
import subprocess
import time

import numpy as np
import pytest

import edgecore
from tests.link.compiling import ROOT, tool

SLOPE = (np.arange(480)[:, None] + np.arange(640)).astype(np.uint8)


@pytest.fixture(scope="module")
def camera(tmp_path_factory):
    folder = tmp_path_factory.mktemp("camera")
    make = [tool("make"), "-s", "-C", ROOT / "examples/ring_producer", f"OUT={folder}"]
    flags = "-Werror -fsanitize=address,undefined -fno-sanitize-recover=all"
    subprocess.run([*make, f"CC=cc {flags}"], check=True)
    return folder / "camera"


def opened(place):
    """Once the process has come so far."""
    end = time.monotonic() + 60
    while True:
        try:
            return edgecore.sources.open(f"ring:{place}")
        except edgecore.SourceError:
            assert time.monotonic() < end
            time.sleep(0.001)


def check(frames, count):
    """The pattern moves on, in all its pixels, by as many levels as frames were missed."""
    before = None
    for _ in range(count):
        frame = next(frames)
        luma, chroma = frame.planes
        level, sequence = int(luma[0, 0]), int(frames.label.rpartition("#")[2])
        np.testing.assert_array_equal(luma, SLOPE + np.uint8(level))
        assert (chroma == 128).all()
        if before is not None:
            assert (level - before[0]) % 256 == (sequence - before[1]) % 256
            assert frame.timestamp_ns > before[2]
        assert frame.timestamp_ns <= time.monotonic_ns()
        before = level, sequence, frame.timestamp_ns


def test_its_frames_arrive_and_a_restart_after_a_kill_is_survived(camera, place):
    changes = []
    process = subprocess.Popen([camera, place, "200"])
    with opened(place) as frames:
        frames.on_change = lambda change: changes.append(change.kind)
        check(frames, 50)
        process.kill()
        process.wait()
        assert place.exists(), "what a killed process leaves"
        process = subprocess.Popen([camera, place, "200"])
        while not changes:  # what the dead one published last may come first
            next(frames)
        check(frames, 50)
        assert changes == ["source_lost", "source_back"]
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0
    assert not place.exists()


def test_it_says_what_is_wrong(camera, place):
    for arguments, told in [
        ([], "usage"),
        ([place, "nan"], "usage"),
        ([place.parent], "File exists"),
        ([place.parent / "no" / "where"], "No such file"),
    ]:
        done = subprocess.run([camera, *arguments], stderr=subprocess.PIPE, text=True)
        assert done.returncode != 0
        assert told in done.stderr
    assert not os.path.exists(place)
