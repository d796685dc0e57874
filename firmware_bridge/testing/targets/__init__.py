"""Devices under test: what a rig can do with them, and how they are named."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

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
    from firmware_bridge.testing.targets.line import LineTarget

    return LineTarget
