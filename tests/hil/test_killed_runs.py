"""A run that is killed in the middle of a test leaves nothing of ours behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from firmware_bridge.testing.scratch_folder import ScratchFolder
from tests.hil.strangers import ROOT, write
from tests.link.patience import wait_until
from tests.link.targets import need_qemu


def lives(process: psutil.Process) -> bool:
    """Also where nobody asks after those that ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize(("target", "by"), [("sim", signal.SIGTERM), ("qemu", signal.SIGKILL)])
def test_killed_run_leaves_neither_folders_nor_processes_behind(
    tmp_path: Path, target: str, by: signal.Signals
) -> None:
    if target == "qemu":
        need_qemu()
    scratch = tmp_path / "t"
    scratch.mkdir()
    write(
        tmp_path,
        test_long="""
            import time
            from pathlib import Path

            def test_long(edge_agent, edge_camera):
                edge_camera.ring(edge_camera.road(seed=1))
                edge_agent.start(edge_camera.road(seed=1))
                edge_agent.wait_for("run_started")
                Path("begun").touch()
                time.sleep(60)
        """,
    )
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
                *("-p", "edgecore.testing", "--edge-target", target),
            ],
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(ROOT)},
            stdout=said,
            stderr=said,
        )
    children: list[psutil.Process] = []
    try:
        wait_until(lambda: (tmp_path / "begun").exists() or process.poll() is not None)
        assert process.poll() is None, (tmp_path / "said").read_text()
        names = sorted(path.name.rpartition("-")[0] for path in scratch.glob("edgecore-*"))
        own = ["edgecore-qemu"] if target == "qemu" else []
        assert names == ["edgecore-dut", *own, "edgecore-ring"]
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(by)
        assert process.wait() == -by
        wait_until(lambda: not list(scratch.glob("edgecore-*")))
        wait_until(lambda: not any(lives(child) for child in children))
    finally:
        for each in (process, *filter(lives, children)):
            each.kill()
        process.wait()


def test_folder_goes_when_it_is_closed_or_forgotten(tmp_path: Path) -> None:
    """Closed twice, too; what is in it, and an odd name, make no difference."""
    closed, forgotten = ScratchFolder("edgecore-' $(x) "), ScratchFolder("edgecore-")
    paths = [closed.path, forgotten.path]
    assert all(path.stat().st_mode & 0o777 == 0o700 for path in paths)
    (closed.path / "a" / "b").mkdir(parents=True)
    closed.close()
    closed.close()
    assert [path.exists() for path in paths] == [False, True]
    del forgotten
    assert not paths[1].exists()
