"""Runs pytest as somebody else does: in a folder of their own, with the plugin."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

THREE_LINES = """
    import firmware_bridge as fb

    def test_alert(edge_link):
        edge_link.request(fb.Alert(kind=1, level=2, duration_ms=100), timeout=10)
"""


def write(folder: Path, **files: str) -> None:
    """`test_x="..."` is test_x.py."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))


def run(
    folder: Path, *arguments: str, path: tuple[Path, ...] = (), plugin: bool = True, **env: str
) -> subprocess.CompletedProcess[str]:
    """`plugin`: whether it is named, as where the package is not installed. EDGECORE_RIGS in the
    environment names the folder in which the plugins of other rigs are."""
    own = {"EDGE_TARGET", "PYTHONDONTWRITEBYTECODE"}
    environment = {name: value for name, value in os.environ.items() if name not in own}
    environment["COLUMNS"] = "400"
    rigs = [os.environ["EDGECORE_RIGS"]] if "EDGECORE_RIGS" in os.environ else []
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (*path, ROOT, *rigs)))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "-W", "error"]
    command += ["-p", "edgecore.testing"] if plugin else []
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env={**environment, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
    )
