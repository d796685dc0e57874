"""NMS and heads give the same bits on every machine, and allocate nothing once warm."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MACHINES = {
    "host": ("c++", []),
    "aarch64": ("aarch64-linux-gnu-g++", ["qemu-aarch64-static"]),
    "aarch64 without dotprod": (
        "aarch64-linux-gnu-g++",
        ["qemu-aarch64-static", "-cpu", "cortex-a53"],
    ),
    "armhf": ("arm-linux-gnueabihf-g++", ["qemu-arm-static"]),
}
FLAGS = ["-std=c++17", "-O2", "-ffp-contract=off", "-w", "-static", "-I", str(ROOT / "csrc")]


def digests(machine: str, folder: Path) -> dict[str, str]:
    compiler, emulator = MACHINES[machine]
    for tool in (compiler, *emulator[:1]):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    sources = [*sorted((ROOT / "csrc/vision").glob("*.cpp")), ROOT / "tests/native/head_digest.cpp"]
    program = folder / "digest"
    subprocess.run([compiler, *FLAGS, *map(str, sources), "-o", str(program)], check=True)
    out = subprocess.run([*emulator, str(program)], check=True, capture_output=True, text=True)
    return dict(line.split() for line in out.stdout.splitlines())


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return digests("host", tmp_path_factory.mktemp("host"))


@pytest.mark.slow
@pytest.mark.parametrize("machine", list(MACHINES)[1:])
def test_every_machine_gives_the_hosts_bits(machine, host, tmp_path):
    found = digests(machine, tmp_path)
    best = {"aarch64": "neon_dotprod"}.get(machine, "neon")
    assert next(iter(found)) == best
    assert set(found.values()) == set(host.values())


@pytest.mark.slow
def test_warm_runs_allocate_nothing(host):
    assert host["allocations"] == "0"
    assert len(set(host.values()) - {"0"}) == 1
