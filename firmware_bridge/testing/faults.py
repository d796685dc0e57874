"""The faults of a line, for tests: now, after so long, or while a block of code runs."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, get_args

from firmware_bridge.pcapng import Direction
from firmware_bridge.testing.bridge import FaultBridge
from firmware_bridge.testing.profile import Profile, named

_NEEDS = {"reboot": "reset", "reboot_in_frame": "reset", "brown_out": "power"}


class Faults:
    """What a test does to the line through a fault bridge.

    Every method acts at once and returns when the fault has begun; those with `for_s` end by
    themselves, so long after they were last asked for. `at` does the same later. A time is of
    seconds, 0 or more and finite; ValueError where it is not.
    """

    def __init__(
        self,
        bridge: FaultBridge,
        need: Callable[[str], None],
        rig: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """`need` raises where the device lacks a capability, before anything is done; what its
        buttons and its supply raise comes through `rig`."""
        self._bridge = bridge
        self._need = need
        self._rig = rig
        self._by_name: dict[str, Callable[..., None]] = {
            "unplug": self.unplug,
            "plug": self.plug,
            "stuck": self.stuck,
            "flip": self.flip,
            "drop": self.drop,
            "duplicate": self.duplicate,
            "overrun": self.overrun,
            "reorder": self.reorder,
            "reboot": self.reboot,
            "reboot_in_frame": self.reboot_in_frame,
            "brown_out": self.brown_out,
        }

    # The line itself.

    def use(self, profile: str | Profile) -> None:
        """The line is so from now on; what is under way arrives as it would have.

        Raises:
            ValueError: no profile of that name.
        """
        chosen = named(profile)
        self._bridge.order(lambda: self._bridge.change(chosen))
        self._bridge.journal.write("profile", profile=str(chosen))

    @contextlib.contextmanager
    def profile(self, profile: str | Profile) -> Iterator[None]:
        """The line is so while the block runs, and then as before."""
        before = self._bridge.profile
        self.use(profile)
        try:
            yield
        finally:
            self.use(before)

    # One burst, the next that comes.

    def flip(self, way: Direction = "to_device") -> None:
        """A bit of the next burst is flipped."""
        self._strike(way, "flip")

    def drop(self, way: Direction = "to_device") -> None:
        """The next burst is lost."""
        self._strike(way, "drop")

    def duplicate(self, way: Direction = "to_device") -> None:
        """The next burst comes twice."""
        self._strike(way, "duplicate")

    def overrun(self, way: Direction = "to_device") -> None:
        """From the next burst on the receiver is late, for 5 ms and until it has lost something: of
        what comes it gets what its FIFO holds, 16 bytes unless the profile says otherwise."""
        self._strike(way, "overrun")

    def _strike(self, way: Direction, fault: str) -> None:
        _check_way(way)
        self._bridge.order(lambda: self._bridge.strike(way, fault))

    # Cable, device, supply.

    def unplug(self, for_s: float | None = None) -> None:
        """The host loses its port, for so long or until `plug`; what is under way is lost."""
        if for_s is not None:
            _check_seconds("for_s", for_s)
        self._bridge.order(lambda: self._bridge.unplug(for_s))

    def plug(self) -> None:
        """Ends `unplug`."""
        self._bridge.order(self._bridge.plug)

    def stuck(self, for_s: float) -> None:
        """The device takes no byte for so long; the host has to wait, nothing is lost."""
        _check_seconds("for_s", for_s)
        self._bridge.order(lambda: self._bridge.stick(for_s))

    def reorder(self, for_s: float = 0.1) -> None:
        """Some bytes each way are overtaken: held back while the host is unplugged for so long,
        they come after the first ones of the connection that follows."""
        _check_seconds("for_s", for_s)
        self._bridge.order(lambda: self._bridge.hold_back(for_s))

    def reboot(self) -> None:
        """The device is reset."""
        self._need("reset")
        with self._rig():
            self._bridge.order(self._bridge.reboot)

    def reboot_in_frame(self) -> None:
        """The device is reset in the middle of the next frame that is sent to it; the rest of the
        frame meets the next boot."""
        self._need("reset")
        self._bridge.order(self._bridge.arm_cut)

    def brown_out(self, for_s: float = 0.1) -> None:
        """The device's supply fails for so long; the line spikes when it goes and comes."""
        self._need("power")
        _check_seconds("for_s", for_s)
        with self._rig():
            self._bridge.order(lambda: self._bridge.dip(for_s))

    # Later.

    def at(self, delay_s: float, fault: str, **arguments: Any) -> None:
        """Does one of the above, or changes to a profile, so many seconds from now.

        Args:
            delay_s: from now on.
            fault: name of a method, or of a profile.
            arguments: of the method.

        What is still to come when the test ends does not happen.

        Raises:
            ValueError: neither a fault nor a profile has that name, or a time or a way cannot be.
            TypeError: the method has no such arguments, or needs others; a profile has none.
        """
        _check_seconds("delay_s", delay_s)
        act = self._by_name.get(fault)
        if act is None:
            with contextlib.suppress(ValueError):
                named(fault)
                if arguments:
                    raise TypeError(f"a profile takes no arguments, got {', '.join(arguments)}")
                self._bridge.schedule(delay_s, lambda: self.use(fault))
                return
            raise ValueError(
                f"expected a fault of {', '.join(self._by_name)} or a profile, got {fault!r}"
            )
        inspect.signature(act).bind(**arguments)
        if fault in _NEEDS:
            self._need(_NEEDS[fault])
        if arguments.get("for_s") is not None:
            _check_seconds("for_s", arguments["for_s"])
        if "way" in arguments:
            _check_way(arguments["way"])
        chosen = act
        self._bridge.schedule(delay_s, lambda: chosen(**arguments))

    # What became of it.

    @property
    def counts(self) -> Counter[str]:
        """What was done to the line in this test, both ways together.

        bytes_in, bytes_out, bits_flipped, bytes_dropped, bytes_repeated, bytes_overrun,
        bytes_lost (under way when the cable was pulled), bytes_unheard (nobody was there),
        bytes_reordered, bytes_cut (met the next boot), bytes_spiked, unplugs, reboots, brown_outs.
        """
        total = self._bridge.extra
        for each in self._bridge.counts.values():
            total.update(each)
        return total

    @property
    def journal(self) -> list[dict[str, Any]]:
        """What was done, in order: `{"t_s": ..., "fault": ..., ...}`."""
        return self._bridge.journal.entries


def _check_seconds(name: str, given: object) -> None:
    if not isinstance(given, int | float) or not 0 <= given < math.inf:
        raise ValueError(f"{name}: expected seconds, 0 or more, got {given!r}")


def _check_way(given: object) -> None:
    if given not in get_args(Direction):
        raise ValueError(f"expected a way of {', '.join(get_args(Direction))}, got {given!r}")
