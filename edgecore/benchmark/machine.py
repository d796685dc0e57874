"""What the measurements ran on."""

from __future__ import annotations

import platform
from pathlib import Path

FLAGS = frozenset(
    ("avx2", "avx512f", "avx512bw", "avx512vbmi", "avx512_vnni", "neon", "asimd", "asimddp")
)


def machine() -> str:
    """The processor's own name, or the architecture where it has none."""
    return _cpuinfo(("model name", "Model")) or platform.machine()


def cpu_flags() -> list[str]:
    """The vector extensions that matter here."""
    found = set(_cpuinfo(("flags", "Features")).split())
    return sorted(found & FLAGS)


def _cpuinfo(names: tuple[str, ...]) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(names):
            return line.split(":", 1)[1].strip()
    return ""
