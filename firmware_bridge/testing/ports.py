"""The ports of the reference firmware, each as its port.toml describes it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def sources() -> Path:
    """The folder of the C sources: in the installed package, or the checkout's own."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "csrc"
    return shipped if shipped.is_dir() else package.parent / "csrc"


@dataclass(frozen=True)
class FirmwarePort:
    """One port.

    Attributes:
        name: of its folder in csrc/firmware/port.
        machine: as QEMU calls it; empty for the host.
        flags: of the compiler, for its processor and sizes.
        parts: the folders beside its own that its image is made of.
        counter: address of the register that counts its microseconds, 32 bits, if it can be set
            from outside; 0: there is none.
        capabilities: what tests may ask of it; docs/porting.md says what each promises.
    """

    name: str
    machine: str
    flags: tuple[str, ...]
    parts: tuple[str, ...]
    counter: int
    capabilities: frozenset[str]


@cache
def ports() -> dict[str, FirmwarePort]:
    """All ports by name."""
    found = {}
    for description in sorted((sources() / "firmware" / "port").glob("*/port.toml")):
        name = description.parent.name
        entries = tomllib.loads(description.read_text())
        found[name] = FirmwarePort(
            name,
            entries.get("machine", ""),
            tuple(entries.get("flags", ())),
            tuple(entries.get("parts", ())),
            entries.get("counter", 0),
            frozenset(entries["capabilities"]),
        )
    return found


def machines() -> dict[str, FirmwarePort]:
    """The ports that run under QEMU, by machine."""
    return {port.machine: port for port in ports().values() if port.machine}
