"""Recordings that a loss of power cut short, on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

import firmware_bridge as fb
from tests.link import drive
from tests.runtime.test_cli import complaints, edgecore
from tests.runtime.test_cli_link_tools import started

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a recording, and one that ends in the middle of its last block."""
    folder = tmp_path_factory.mktemp("recorded")
    drive.record(folder / "drive.pcapng", 1.0, alerts=1)
    (folder / "cut.pcapng").write_bytes((folder / "drive.pcapng").read_bytes()[:-3])
    (folder / "copy.pcapng").write_bytes((folder / "cut.pcapng").read_bytes())
    return folder


CUT = "edgecore: cut.pcapng: cut off or damaged in the block at byte "


def test_replay_says_at_once_that_it_was_cut_and_plays_what_is_whole(folder: Path) -> None:
    with started(folder, "replay", "cut.pcapng") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline().startswith(CUT)
        with fb.connect(process.stdout.readline().strip(), reconnect=False) as link:
            assert link.request(fb.Alert(kind=1, level=2), 10)
        _, said = process.communicate()
        assert process.returncode == 0
        assert "frames of data played" in said


def test_recordings_that_were_cut_are_alike_in_what_was_asked_only(folder: Path) -> None:
    done = edgecore(folder, "link", "compare", "drive.pcapng", "cut.pcapng", "--lax")
    assert (done.returncode, done.stdout) == (0, "alike as far as both are whole\n")
    assert complaints(done)[0].startswith(CUT)
    done = edgecore(folder, "link", "compare", "drive.pcapng", "cut.pcapng")
    assert done.returncode == 1
    assert "(the end)" in done.stdout
    assert complaints(done)[0].startswith(CUT)
    done = edgecore(folder, "link", "compare", "cut.pcapng", "copy.pcapng")
    assert (done.returncode, done.stdout) == (1, "alike as far as both are whole\n")
    assert [line.split()[1] for line in complaints(done)] == ["cut.pcapng:", "copy.pcapng:"]
    done = edgecore(folder, "link", "compare", "drive.pcapng", "drive.pcapng")
    assert (done.returncode, done.stdout, done.stderr) == (0, "alike\n", "")
