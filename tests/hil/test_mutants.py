"""Mistakes in the firmware, kept as patches in `mutants`, are each caught by the suite.

A patch begins with what the mistake is and which tests are to notice; docs/hil.md, "Our own suite".
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_bridge.testing.image import build
from firmware_bridge.testing.ports import machines, sources
from tests.link.targets import need_qemu

ROOT = Path(__file__).resolve().parents[2]
MACHINE = "mps2-an386"
PATCHES = sorted((ROOT / "tests/hil/mutants").glob("*.patch"))


def patched(patch: Path, folder: Path) -> Path:
    """A copy of the C sources with the mistake in it."""
    root = folder / "csrc"
    for room in ("link", "firmware"):
        shutil.copytree(sources() / room, root / room)
    done = subprocess.run(
        ["patch", "-p1", "--fuzz=0", "-i", patch], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{patch.name} does not fit the sources:\n{done.stdout}"
    return root


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_patch_fits_and_says_what_catches_it(patch: Path, tmp_path: Path) -> None:
    assert re.search(r"^Caught by: \w", patch.read_text(), re.M)
    patched(patch, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_mistake_is_caught(patch: Path, tmp_path: Path) -> None:
    need_qemu()
    image = build(machines()[MACHINE], patched(patch, tmp_path))
    near = re.search(r"^Caught by: (.+)$", patch.read_text(), re.M)
    assert near is not None
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    command += ["--timeout", "60", "tests/hil/suite", "-k", near[1]]
    command += ["--edge-target", f"qemu:{MACHINE}?image={image}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    noticed = re.search(r"\b1 (failed|error)\b", done.stdout) or "Timeout" in done.stdout
    assert done.returncode == 1, done.stdout
    assert noticed, done.stdout
