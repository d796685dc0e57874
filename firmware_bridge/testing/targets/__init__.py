"""Devices under test: what a rig can do with them, and how they are named."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from firmware_bridge.errors import BridgeError
from firmware_bridge.testing.targets.target import Target, TargetError

__all__ = ["ENTRY_POINTS", "Target", "TargetError", "open_target"]

ENTRY_POINTS = "edgecore.targets"
"""Group of entry points for targets of others: the name is what stands before the colon, the
object is called with the whole text and returns a `Target`."""


def open_target(spec: str) -> Target:
    """The target of that name, switched off.

    Args:
        spec: `sim`, `qemu`, `qemu:MACHINE`, `rig:FILE.toml`, `replay:FILE`, a name that an
            installed package brings, or else a path or URL as for `firmware_bridge.connect`.

    Raises:
        TargetError: it cannot be had; the text says why.
    """
    scheme = spec.partition(":")[0].partition("?")[0]
    if scheme in ("rig", "replay") and not spec.partition(":")[2]:
        raise TargetError(f"{spec}: expected {scheme}:FILE")
    try:
        return _maker(scheme)(spec)
    except TargetError:
        raise
    except (BridgeError, OSError, ValueError) as error:
        raise TargetError(f"{spec}: {error}") from error


def _maker(scheme: str) -> Callable[[str], Target]:
    if scheme == "sim":
        from firmware_bridge.testing.targets.sim import SimTarget

        return SimTarget
    if scheme == "qemu":
        from firmware_bridge.testing.targets.emulated import QemuTarget

        return QemuTarget
    if scheme == "rig":
        from firmware_bridge.testing.targets.rig import RigTarget

        return RigTarget
    if scheme == "replay":
        from firmware_bridge.testing.targets.replayed import ReplayTarget

        return ReplayTarget
    for found in entry_points(group=ENTRY_POINTS, name=scheme):
        maker: Callable[[str], Target] = found.load()
        return maker
    return _line


def _line(spec: str) -> Target:
    """What is at a path or a URL; a word alone that is no path is a name, and none of ours."""
    from firmware_bridge.testing.targets.line import LineTarget

    if not {":", "/"} & set(spec) and not Path(spec).exists():
        names = ["sim", "qemu", "rig:FILE", "replay:FILE"]
        names += sorted(entry_points(group=ENTRY_POINTS).names)
        raise TargetError(f"{spec}: expected {', '.join(names)}, a path or a URL")
    return LineTarget(spec)
