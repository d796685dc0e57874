"""The suite of tests/hil/suite on the other targets; pytest itself runs it on `sim`."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hil import shelf
from tests.link.author import keys_in
from tests.link.pty_firmware import firmware
from tests.link.targets import MACHINES, need_qemu

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {
    **{f"qemu:{machine}": 55 for machine in MACHINES},
    "serial, direct": 5,
    "serial, through the bridge": 45,
    "serial, with its power": 55,
}
"""And how many tests there must be that they can do."""


RIG = """
port = "serial://{folder}/port"
bridge = true
capabilities = ["vehicle", "update"]
power_on = "{shelf} {folder} on"
power_off = "{shelf} {folder} off"
"""


def start(target: str, **env: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/hil/suite"]
    return subprocess.Popen(
        [*command, "--edge-target", target],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "400", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_on_shelf(board: Path) -> subprocess.Popen[str]:
    """On a rig that has its power, too."""
    keys_in(board)
    switch = f"{sys.executable} -m tests.hil.shelf"
    (board / "rig.toml").write_text(RIG.format(folder=board, shelf=switch))
    return start(f"rig:{board / 'rig.toml'}", EDGECORE_SHELF=str(board), PYTHONPATH=str(ROOT))


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """All of them side by side: they wait for their devices most of the time."""
    need_qemu()
    with contextlib.ExitStack() as stack:
        names = {f"qemu:{machine}": f"qemu:{machine}" for machine in MACHINES}
        names["serial, direct"] = stack.enter_context(firmware())
        rig = tmp_path_factory.mktemp("rig") / "rig.toml"
        rig.write_text(f'port = "{stack.enter_context(firmware())}"\nbridge = true\n')
        names["serial, through the bridge"] = f"rig:{rig}"
        started = {target: stack.enter_context(start(name)) for target, name in names.items()}
        board = tmp_path_factory.mktemp("shelf")
        stack.callback(shelf.off, board)
        started["serial, with its power"] = stack.enter_context(start_on_shelf(board))
        for process in started.values():
            stack.callback(process.kill)
        yield started


@pytest.mark.timeout(600)
@pytest.mark.parametrize("target", TARGETS)
def test_suite_passes(runs: dict[str, subprocess.Popen[str]], target: str) -> None:
    said, _ = runs[target].communicate()
    if runs[target].returncode != 0:
        why = "; ".join(re.findall(r"^(?:FAILED|ERROR) (.*)", said, re.MULTILINE))
        pytest.fail(f"{why or f'status {runs[target].returncode}'}\n{said}", pytrace=False)
    passed = re.search(r"(\d+) passed", said)
    assert passed is not None, said
    assert int(passed[1]) >= TARGETS[target], said
