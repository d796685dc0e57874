"""Files that commands leave behind: whole, or as they were."""

from __future__ import annotations

import os
import resource
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgecore.cli.keeping import Output, keeping
from edgecore.errors import ConfigError
from tests.runtime.test_cli import edgecore


def keep(path: Path, content: bytes) -> None:
    with keeping([Output("--json", path, "results", lambda: content)]):
        pass


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file may grow beyond 1,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.usefixtures("little_room")
def test_a_result_that_finds_no_room_leaves_the_one_before_it(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_bytes(b"good" * 200)
    with pytest.raises(ConfigError, match=f"^--json: {path}: File too large$"):
        keep(path, b"bad" * 2000)
    assert path.read_bytes() == b"good" * 200
    assert os.listdir(tmp_path) == ["bench.json"]


def test_a_file_that_is_replaced_keeps_its_mode_and_its_links(tmp_path: Path) -> None:
    path, link = tmp_path / "bench.json", tmp_path / "latest.json"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    keep(link, b"new")
    assert path.read_bytes() == b"new"
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_has_the_mode_that_any_new_file_has(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        keep(tmp_path / "bench.json", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "bench.json").stat().st_mode) == 0o640


def test_one_file_that_cannot_be_kept_does_not_stop_those_after_it(tmp_path: Path) -> None:
    done = edgecore(
        *(tmp_path, "bench", "--only", "link", "--seconds", "0.01"),
        *("--json", "/dev/full", "--plot", "bench.png", "--html", "page.html"),
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "edgecore: --json: /dev/full: No space left on device"
    assert (tmp_path / "bench.png").stat().st_size
    assert (tmp_path / "page.html").stat().st_size
    assert "ping to sim: and back" in done.stdout
