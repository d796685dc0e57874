"""What a rig can do with a device, whatever the device is."""

from __future__ import annotations

import threading
from pathlib import Path

from firmware_bridge.errors import BridgeError
from firmware_bridge.transport import Port


class TargetError(BridgeError):
    """The rig failed, or cannot do what was asked of it: no verdict on the device under test."""


class Target:
    """A device under test, switched off at first. Any thread may use it.

    A subclass says what it can do in `capabilities` and overrides what these names promise:
    "power" (start, stop), "reset", "freeze" (freeze, thaw), "stall" (while frozen its clock stands
    still too), "step", "flash". The others are the port's own, docs/porting.md.

    Attributes:
        name: as it was asked for.
        capabilities: what tests may ask of it.
        bridged: whether a fault bridge belongs into its line.
        scene_epoch_ns: CLOCK_MONOTONIC at time zero of its simulated vehicle's scenario; None: it
            has none, or that is not known.
    """

    name = ""
    capabilities: frozenset[str] = frozenset()
    bridged = True
    scene_epoch_ns: int | None = None

    def __init__(self) -> None:
        self.lock = threading.RLock()

    @property
    def url(self) -> str:
        """Where a host finds the device, for `connect`; only of targets that are not bridged."""
        raise self._unable("be connected to without a bridge")

    def open(self) -> Port:
        """The device's end of the line, for the bridge.

        Raises:
            BridgeConnectionError: there is none now, the device is off.
        """
        raise self._unable("be bridged")

    def start(self) -> None:
        """Power on; does nothing when it is."""

    def stop(self) -> None:
        """Power off; does nothing when it is."""
        raise self._unable("switch its power")

    def reset(self) -> None:
        """Boots anew, as by the reset button; its power must be on."""
        raise self._unable("reset it")

    def freeze(self) -> None:
        """Stops it where it is; nothing of it runs until `thaw`."""
        raise self._unable("freeze it")

    def thaw(self) -> None:
        """Lets a frozen one go on; does nothing when it is not frozen."""

    def step(self, seconds: float) -> None:
        """Its clock jumps ahead; it ran on meanwhile.

        Raises:
            ValueError: it cannot jump as far, or not backwards.
        """
        raise self._unable("set its clock")

    def flash(self, image: Path) -> None:
        """Puts another firmware on it and boots that; it stays until another is put on it."""
        raise self._unable("flash it")

    def logs(self) -> str:
        """What its console, and the rig's own commands, have said so far."""
        return ""

    def trouble(self) -> str | None:
        """Why it cannot be tested with now, as far as the rig knows; None: nothing is known."""
        return None

    def close(self) -> None:
        """Gives up the device; a second call does nothing."""

    def _unable(self, what: str) -> TargetError:
        can = ", ".join(sorted(self.capabilities)) or "nothing but its line"
        return TargetError(f"{self.name}: this rig cannot {what}; it has {can}")


def check_step(seconds: float, most: float) -> None:
    """ValueError where a clock cannot jump so far ahead; `most` in seconds."""
    if not 0 <= seconds <= most:
        raise ValueError(f"step: expected 0 to {most:g} s, got {seconds:g}")


def check_image(name: str, image: Path) -> None:
    """TargetError of the target of that name where there is no such file."""
    if not image.is_file():
        raise TargetError(f"{name}: flash: no such image: {image}")
