"""What the measurements ran on."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

FLAGS = frozenset(
    ("avx2", "avx512f", "avx512bw", "avx512vbmi", "avx512_vnni", "neon", "asimd", "asimddp")
)
_DEVICE_TREE = Path("/proc/device-tree")
_BOARD = Path("/sys/class/dmi/id/board_name")
_MACHINE_ID = Path("/etc/machine-id")
_NO_NAMES = {"default string", "to be filled by o.e.m.", "none", "not specified"}
"""What firmware says whose maker left the board's name out."""


def machine() -> str:
    """The processor's own name, and the board's beside it or in its place."""
    board = _text(_DEVICE_TREE / "model") or _text(_BOARD)
    known = processor()
    if not board or board.lower() in _NO_NAMES or board == known:
        return known
    return board if known == platform.machine() else f"{known} ({board})"


def processor() -> str:
    """The processor's own name, or the architecture where it has none."""
    return _cpuinfo(("model name", "Model")) or platform.machine()


def identity() -> str:
    """Tells this machine from another of its kind; nothing else can be learnt from it.

    A disk that was copied to a board of another kind or serial number makes no second machine one.
    """
    own = _text(_MACHINE_ID) or platform.node()
    told = "\0".join(("edgecore bench", processor(), _text(_DEVICE_TREE / "serial-number"), own))
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def cpu_flags() -> list[str]:
    """The vector extensions that matter here."""
    found = set(_cpuinfo(("flags", "Features")).split())
    return sorted(found & FLAGS)


def _cpuinfo(names: tuple[str, ...]) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(names):
            return line.split(":", 1)[1].strip()
    return ""


def _text(path: Path) -> str:
    """What stands there; "" where there is no such file or it may not be read."""
    try:
        return path.read_text(errors="replace").strip("\0 \n")
    except OSError:
        return ""
