"""Cold frames of `edgecore bench` where there is not the memory for them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgecore.benchmark import cold, pixels
from tests.runtime.test_cli import environment

MEBI = 1 << 20


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """With 8 GB of memory to spare and a last-level cache of 300 MiB; its kernel's files."""
    for name in ("cache/index0", "cache/index3", "cgroup/own/child", "cgroup/memory/own"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "cache/index0/size").write_text("48K\n")
    (tmp_path / "cache/index3/size").write_text("307200K\n")
    (tmp_path / "meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable:    8000000 kB\n")
    (tmp_path / "own").write_text("9:name=systemd:/own\n4:pids,memory:/own\n0::/own/child\n")
    monkeypatch.setattr(cold, "_CACHES", tmp_path / "cache")
    monkeypatch.setattr(cold, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(cold, "_OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(cold, "_CGROUPS", tmp_path / "cgroup")
    cold.taken_bytes.cache_clear()
    yield tmp_path
    cold.taken_bytes.cache_clear()


@pytest.mark.parametrize(
    "file",
    [
        "cgroup/own/child/memory.max",
        "cgroup/own/memory.max",
        "cgroup/memory.max",
        "cgroup/memory/own/memory.limit_in_bytes",
        "cgroup/memory/memory.limit_in_bytes",
    ],
)
def test_least_limit_of_a_process_is_the_memory_it_has(machine: Path, file: str) -> None:
    """Of its own group or one above, with either version of control groups."""
    (machine / "cgroup/own/memory.max").write_text("max\n")
    (machine / "cgroup/memory/own/memory.limit_in_bytes").write_text(f"{2**63 - 4096}\n")
    assert cold.available_bytes() == 8_000_000 * 1024
    (machine / file).write_text(f"{512 * MEBI}\n")
    assert cold.available_bytes() == 512 * MEBI
    assert cold.taken_bytes() == 128 * MEBI


def test_cold_frames_take_four_caches_or_a_quarter_of_the_memory(machine: Path) -> None:
    workload = pixels.WORKLOADS[-1]
    assert cold.wanted_bytes() == cold.taken_bytes() == 1200 * MEBI
    assert cold.shortfall() is None
    cold.taken_bytes.cache_clear()
    (machine / "meminfo").write_text("MemAvailable:    102400 kB\n")
    frames = pixels.frames(workload, cold=True)
    taken = sum(frame.nbytes for frame in frames)
    assert 25 * MEBI <= taken < 25 * MEBI + frames[0].nbytes
    assert len({frame.ctypes.data for frame in frames}) == len(frames)
    assert cold.shortfall() == (
        "cold frames would take 1,258 MB, four times the last-level cache; these took 26 MB, a "
        "quarter of the memory available, and are called warm"
    )


BENCH_WITH_LITTLE_MEMORY = """
from edgecore.benchmark import cold, pixels
from edgecore.cli import main

cold.available_bytes = lambda: 1 << 20
pixels.WORKLOADS, pixels.CAMERA_WORKLOADS = pixels.WORKLOADS[-1:], ()
main()
"""


def test_frames_that_are_not_cold_are_not_called_so(tmp_path: Path) -> None:
    arguments = ("bench", "--only", "preprocess", "--seconds", "0.01", "--json", "kept.json")
    done = subprocess.run(
        [sys.executable, "-c", BENCH_WITH_LITTLE_MEMORY, *arguments],
        cwd=tmp_path,
        env={**environment(), "EDGECORE_FORCE_ISA": "baseline"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "and are called warm" in " ".join(done.stdout.split())
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert kept["cold_frames"] == {"wanted_bytes": cold.wanted_bytes(), "taken_bytes": 1 << 18}
    kinds = {row["job"].rpartition(", ")[2] for row in kept["results"] if ", " in row["job"]}
    assert kinds == {"hot", "warm"}
