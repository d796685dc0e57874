"""Seeded bugs: patches in `mutants`, each planted into a copy of the package for the suite to find.

A patch begins with what the mistake is, then lines of its own:

    In: firmware | host           whose program has it; the code of the link is in both
    Target: sim                   where it is to be noticed, as of --edge-target
    Caught by: alert_lasts        the tests that are to notice it, as of pytest's -k
    Says: it was over before      what their report then says, a regular expression
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from firmware_bridge.testing.image import build
from firmware_bridge.testing.ports import machines
from tests.mutation.objects import ROOT, compiled, linked

COPIED = ("csrc", "firmware_bridge", "edgecore")
EXTENSION = {"firmware": "_sim", "host": "_carrier"}
TEST_S = 60
"""For one test; its patience with the device is shorter."""


@dataclass(frozen=True)
class Bug:
    """One of the patches."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def what(self) -> str:
        """The mistake, in a sentence."""
        return self.text.partition("\nIn: ")[0].replace("\n", " ")

    def said(self, name: str) -> str:
        """The rest of the line that begins so."""
        found = re.search(rf"^{name}: (\S.*)$", self.text.partition("\n--- ")[0], re.M)
        if found is None:
            raise ValueError(f"{self.path.name}: expected a line {name!r}: of text, got none")
        return found[1]

    @property
    def target(self) -> str:
        return self.said("Target")

    @property
    def files(self) -> list[str]:
        """What it changes."""
        return re.findall(r"^\+\+\+ b/(\S+)$", self.text, re.M)

    def plant(self, folder: Path) -> Path:
        """Puts the mistake into the copy of the package in the folder, which it returns.

        Raises:
            ValueError: the patch does not fit the sources.
        """
        for name in self.files:
            (folder / name).unlink()
            (folder / name).write_bytes((ROOT / name).read_bytes())
        command = ["patch", "-p1", "--fuzz=0", "-i", self.path]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise ValueError(f"{self.path.name} does not fit the sources:\n{done.stdout}")
        return folder

    def build(self, tree: Path) -> str:
        """Compiles what the mistake is in; returns the target that has it."""
        kind, _, machine = self.target.partition(":")
        if kind == "qemu" and self.said("In") == "firmware":
            return f"{self.target}?image={build(machines()[machine], tree / 'csrc')}"
        sources = [tree / name for name in self.files if name.endswith(".c")]
        objects = [made for made in map(compiled, sources) if made is not None]
        assert len(objects) == len(sources), f"{self.path.name} does not compile"
        if objects:
            linked(EXTENSION[self.said("In")], objects, tree / "firmware_bridge")
        return self.target


def copied(folder: Path) -> Path:
    """The package in the folder, a link for each file."""
    for room in COPIED:
        for path in (ROOT / room).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                to = folder / path.relative_to(ROOT)
                to.parent.mkdir(parents=True, exist_ok=True)
                to.symlink_to(path)
    return folder


@dataclass(frozen=True)
class Verdict:
    """How tests of the suite ended: pytest's status, what it said, and how long it took."""

    status: int
    text: str
    took_s: float

    @property
    def failed(self) -> str | None:
        """The first test that failed, without its file."""
        found = re.search(r"^FAILED \S+?::(\S+)", self.text, re.M)
        return None if found is None else found[1]


def judge(tree: Path, target: str, tests: str) -> Verdict:
    """Runs tests of the suite, as of pytest's -k, on the package in `tree`, until one fails."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    command += ["-c", ROOT / "pyproject.toml", "--rootdir", ROOT, "--timeout", str(TEST_S)]
    command += ["--override-ini", f"pythonpath={tree} {ROOT}"]
    command += [ROOT / "tests/hil/suite", "-k", tests, "--edge-target", target]
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=tree,  # `python -m` looks here first: the device and the agent are processes of it
        env={**os.environ, "PYTHONPATH": f"{tree}:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Verdict(done.returncode, done.stdout, time.monotonic() - began)
