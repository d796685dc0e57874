"""Compilers for tests of the C, and programs made from it together with csrc/link."""

import atexit
import functools
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
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


@functools.cache
def _objects(sources: tuple[Path, ...], flags: tuple[str | Path, ...]) -> list[Path]:
    folder = Path(tempfile.mkdtemp(prefix="edgecore-objects-"))
    atexit.register(shutil.rmtree, folder)
    compiler = shlex.split(os.environ.get("CC", tool("cc")))
    made = [folder / f"{source.stem}.o" for source in sources]
    for source, to in zip(sources, made, strict=True):
        command = [*compiler, *flags, "-I", ROOT / "csrc", "-c", source, "-o", to]
        subprocess.run(command, check=True)
    return made


def library(to: Path, source: Path, *flags: str) -> Path:
    """Compiles what this interpreter loads; `CC_LIBRARY` is the compiler for another processor."""
    compiler = shlex.split(os.environ.get("CC_LIBRARY") or os.environ.get("CC", tool("cc")))
    command = [*compiler, "-Wall", "-Wextra", "-Werror", *flags, "-shared", "-fPIC", source]
    subprocess.run([*command, "-o", to], check=True)
    return to


def link_objects(flags: Sequence[str | Path]) -> list[Path]:
    """csrc/link, compiled once a process; where `CC` begins with ccache, once for all of them."""
    return _objects(tuple(LINK), tuple(flags))


def program(to: Path, *sources: Path, messages: Path | None = None, flags: tuple[str, ...] = ()):
    """Compiles `sources` with csrc/link, under sanitizers, with a list of messages of their own."""
    listed = [f'-DEC_MESSAGES_INC="{messages}"'] if messages else []
    compiling = [*CHECKED, *listed, *(flag for flag in flags if not flag.startswith("-Wl,"))]
    linked = [*compiling, *flags, "-I", ROOT / "csrc", *sources, *link_objects(compiling)]
    subprocess.run([tool("cc"), *linked, "-o", to], check=True)
    return to
