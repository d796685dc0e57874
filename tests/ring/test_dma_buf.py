"""Buffers of a capture device: taken for what they are, and told before and after each access."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.link.compiling import library

SHIM = Path(__file__).with_name("dma_buf.c")
READ, WRITE, END = 1, 2, 4  # DMA_BUF_SYNC_READ, _WRITE, _END
CAMERA = """
import os, sys
from edgecore import ring
place, *paths = sys.argv[1:]
buffers = [os.open(path, os.O_RDWR) for path in paths]
with ring.Producer(place, 64, 48, "gray", slots=2, buffers=buffers) as producer:
    with ring.Consumer(place) as consumer:
        for value in (7, 8):
            slot = producer.claim()
            slot.frame.planes[0][:] = value
            slot.publish()
            del slot
            frame = consumer.read(10)
            assert (frame.planes[0] == value).all()
            assert os.path.sameopenfile(consumer.buffer, buffers[value - 7])
            del frame
"""


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    return library(tmp_path / "dma_buf.so", SHIM)


def run(place: Path, folder: Path, preload: str) -> subprocess.CompletedProcess[str]:
    (folder / "buffers").mkdir()
    paths = [folder / "buffers" / name for name in ("a", "b")]
    for path in paths:
        path.write_bytes(bytes(64 * 48))
    return subprocess.run(
        [sys.executable, "-c", CAMERA, str(place), *map(str, paths)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "LD_PRELOAD": f"{os.environ.get('LD_PRELOAD', '')} {preload}",  # behind a sanitizer's
            "DMA_BUFS": str(folder / "buffers"),
            "DMA_BUF_LOG": str(folder / "log"),
        },
        capture_output=True,
        text=True,
    )


def test_each_access_to_a_dma_buf_is_bracketed(place: Path, tmp_path: Path, shim: Path) -> None:
    done = run(place, tmp_path, str(shim))
    assert done.returncode == 0, done.stderr
    told = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    once = [WRITE, WRITE | END, READ, READ | END]
    assert [(name, int(flags)) for name, flags in told] == [
        (name, flags) for name in ("a", "b") for flags in once
    ]


def test_a_plain_file_is_no_buffer(place: Path, tmp_path: Path) -> None:
    done = run(place, tmp_path, "")
    assert "each buffer must be a dma-buf or a memfd sealed against shrinking" in done.stderr
