"""Compilers for tests of the C, and programs made from it together with csrc/link."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = sorted((ROOT / "csrc" / "link").glob("*.c"))
CHECKED = [
    *("-std=c99", "-D_GNU_SOURCE", "-g", "-O1", "-Wall", "-Wextra", "-Werror"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
]


def tool(name: str) -> str:
    """The path of a program; the test is skipped without it, and fails in CI."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"no {name} here, and CI skips none of these tests")
        pytest.skip(f"no {name} here; it comes with: sudo make system")
    return found


def program(to: Path, *sources: Path, messages: Path | None = None, flags: tuple[str, ...] = ()):
    """Compiles `sources` and csrc/link, under sanitizers, with a list of messages of their own.

    The link unit by unit, which ccache, where there is one, has already.
    """
    listed = [f'-DEC_MESSAGES_INC="{messages}"'] if messages else []
    options = [*CHECKED, *listed, *flags, "-I", ROOT / "csrc"]
    cached = [found] if (found := shutil.which("ccache")) else []
    made = [to.with_name(f"{to.name}_{unit.stem}.o") for unit in LINK]
    for unit, its in zip(LINK, made, strict=True):
        subprocess.run([*cached, tool("cc"), *options, "-c", unit, "-o", its], check=True)
    subprocess.run([tool("cc"), *options, "-o", to, *sources, *made], check=True)
    return to
