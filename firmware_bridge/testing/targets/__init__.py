"""Devices under test: what a rig can do with them, and how they are named."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from firmware_bridge.errors import BridgeError
from firmware_bridge.testing.targets.target import Target, TargetError

__all__ = ["ENTRY_POINTS", "Target", "TargetError", "open_target"]

ENTRY_POINTS = "edgecore.targets"
"""Group of entry points for targets of others: the name is what stands before the colon, the
object is called with the whole text and returns a `Target`."""
_SCHEMES = ("serial", "unix", "tcp", "exec")
"""Of `connect`, but for those that are targets of their own."""


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
        return partial(_of_package, found)
    return _line


def _of_package(brought: EntryPoint, spec: str) -> Target:
    """A target of somebody else's; whatever they raise, the text says whose it is."""
    who = f"{spec}: {brought.value} of {ENTRY_POINTS}"
    try:
        target = brought.load()(spec)
    except TargetError:
        raise
    except Exception as error:
        raise TargetError(f"{who}: {type(error).__name__}: {error}") from error
    if not isinstance(target, Target):
        raise TargetError(f"{who}: expected a Target, got {type(target).__name__}")
    return target


def _line(spec: str) -> Target:
    """What is at a path or a URL; all else is a name, and none of ours."""
    from firmware_bridge.testing.targets.line import LineTarget

    scheme, colon, _ = spec.partition(":")
    known = _is_url(scheme) if colon else "/" in spec or Path(spec).exists()
    if not spec.startswith("/") and not known:
        names = ["sim", "qemu", "rig:FILE", "replay:FILE"]
        names += sorted(entry_points(group=ENTRY_POINTS).names)
        raise TargetError(
            f"{spec}: expected {', '.join(names)}, a path or a URL of "
            f"{', '.join(f'{each}:' for each in _SCHEMES)} or pyserial's"
        )
    return LineTarget(spec)


def _is_url(scheme: str) -> bool:
    """Whether `connect` or pyserial knows URLs of this scheme."""
    import serial

    return scheme in _SCHEMES or (
        scheme.isalnum()
        and any(find_spec(f"{each}.protocol_{scheme}") for each in serial.protocol_handler_packages)
    )
