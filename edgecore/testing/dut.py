"""The device under test, whatever the target is."""

from __future__ import annotations

import contextlib
import os
import traceback
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import firmware_bridge as fb
from edgecore.testing.errors import RigError
from firmware_bridge.decoding import Reading
from firmware_bridge.doors import Door
from firmware_bridge.testing.bridge import FaultBridge
from firmware_bridge.testing.faults import Faults
from firmware_bridge.testing.journal import Journal
from firmware_bridge.testing.scratch_folder import ScratchFolder
from firmware_bridge.testing.targets import TargetError, open_target
from firmware_bridge.testing.wire import KEPT, Wire

PATIENCE_S = (2.0, 8.0, 20.0)
"""How long each attempt at a link may take."""
_TAIL_LINES = 60


class Dut:
    """The device under test; the fixture `edge_dut`.

    Attributes:
        name: of the target, as it was asked for.
        capabilities: what it can do: "power", "reset", "freeze", "stall", "step", "flash",
            "faults" (its line has a fault bridge, and `heard` and `wait_for` work), and its port's
            own, such as "vehicle" and "watchdog".
        url: where a host finds it, for `firmware_bridge.connect`; one at a time.

    Raises:
        RigError: of every method: the rig cannot do that, or failed at it.
    """

    def __init__(self, spec: str) -> None:
        """Gets hold of the target and switches it on."""
        self.name = spec
        self._folder = ScratchFolder("edgecore-dut-")
        self._bridge: FaultBridge | None = None
        self._wire, self._journal = Wire(), Journal()
        self._links: weakref.WeakSet[fb.Link] = weakref.WeakSet()
        self._agent: Callable[[], bool] = bool
        self._hopeless = False
        self._said_before = 0
        with self._rig(), contextlib.ExitStack() as undo:
            undo.callback(self._folder.close)
            self._target = open_target(spec)
            undo.callback(self._target.close)
            self.name = self._target.name
            self.capabilities = self._target.capabilities
            self._target.start()
            if self._target.bridged:
                address = f"unix:{self._folder.path / 'line'}"
                self._bridge = FaultBridge(
                    self._target,
                    lambda: Door(address=address),
                    wire=self._wire,
                    journal=self._journal,
                )
                self.capabilities |= {"faults"}
            undo.pop_all()
        if self._bridge is None:
            self.url = self._target.url
        else:  # what is urgent overtakes only what has not left the host yet
            self.url = f"{self._bridge.url}?send_buffer=0"

    @contextlib.contextmanager
    def _rig(self, mistake: type[Exception] | None = None) -> Iterator[None]:
        """Whatever a target raises is an error of the rig, an OSError of a relay card, too; but for
        what says that the test asked for nonsense."""
        try:
            yield
        except (TargetError, fb.BridgeConnectionError) as error:
            raise RigError(error) from error
        except Exception as error:
            if mistake is not None and isinstance(error, mistake):
                raise
            at = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(at.filename).name}:{at.lineno}"
            raise RigError(f"{self.name}: {type(error).__name__}: {error} ({where})") from error

    def start(self) -> None:
        """Power on, not frozen, plugged in; does nothing when it is so already."""
        with self._rig():
            self._target.start()
            self._target.thaw()
            if self._bridge is not None:
                self._bridge.order(self._bridge.plug)

    def stop(self) -> None:
        """Power off."""
        with self._rig():
            self._target.stop()

    def power(self, on: bool) -> None:
        """The supply alone."""
        with self._rig():
            self._target.start() if on else self._target.stop()

    def reset(self) -> None:
        """Boots anew; a link to it finds out by itself."""
        with self._rig():
            self._target.reset()

    def flash(self, image: str | os.PathLike[str]) -> None:
        """Puts another firmware on it and boots that.

        Args:
            image: of the kind the target takes: for qemu an ELF file, for a rig what its command
                takes.
        """
        path = Path(image)
        with self._rig():
            self._target.flash(path)

    def freeze(self) -> None:
        """Stops it where it is, until `thaw`."""
        with self._rig():
            self._target.freeze()

    def thaw(self) -> None:
        """Lets a frozen one go on."""
        with self._rig():
            self._target.thaw()

    def step(self, seconds: float) -> None:
        """Its clock jumps ahead by so much.

        Raises:
            ValueError: a time that cannot be, or more than the device's counter has.
        """
        with self._rig(ValueError):
            self._target.step(seconds)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stands still while the block runs."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    @property
    def logs(self) -> str:
        """What its console and the rig's commands have said in this run."""
        return self._target.logs()

    @property
    def scene_epoch_ns(self) -> int | None:
        """CLOCK_MONOTONIC at time zero of its simulated drive; None: it has none."""
        return self._target.scene_epoch_ns

    def connect(self, **keywords: Any) -> fb.Link:
        """A link to it, for tests that want one of their own; closed after the test at the latest.

        The transport is tried again, for half a minute in all, but for a device whose end of the
        line was not there the last time either; the test never is.

        Args:
            keywords: as of `firmware_bridge.connect`, but for `timeout`.

        Raises:
            RigError: it could not be reached.
            RuntimeError: a link or an agent of this test holds the line, which takes one host.
        """
        self.need_line()
        if "timeout" in keywords:
            raise TypeError("connect: expected no timeout: how long a rig is waited for is its own")
        said, trouble, absences = "", None, dict[str, None]()
        for patience_s in PATIENCE_S[:1] if self._hopeless else PATIENCE_S:
            try:
                link = fb.connect(self.url, timeout=patience_s, **keywords)
            except (fb.BridgeConnectionError, ValueError) as error:
                said, trouble = str(error), self._target.trouble()
                if self._bridge is not None:
                    said = said.removeprefix(f"{self.url}: ")  # nobody's but ours
                absences |= dict.fromkeys(self._absence())
                if trouble is not None:
                    break
            else:
                self._hopeless = False
                self._links.add(link)
                return link
        self._hopeless = bool(self._absence())
        told = [*absences, said, *([] if trouble is None else [trouble])]
        raise RigError(f"{self.name}: no link: {'; '.join(told)}")

    def _absence(self) -> list[str]:
        """Why there is no end of a device to carry bytes to; empty where there is one."""
        absent = None if self._bridge is None else self._bridge.absent
        return [] if absent is None else [str(absent)]

    def need_line(self) -> None:
        """Raises RuntimeError where a link or an agent of this test holds the line."""
        linked = any(link.state != "closed" for link in self._links)
        if linked or self._agent():
            holder = "a link" if linked else "the agent"
            raise RuntimeError(
                f"{self.name}: the line takes one host, and {holder} of this test holds it"
            )

    def lend_line(self, held: Callable[[], bool]) -> None:
        """An agent takes the line, as long as `held` says.

        Raises:
            RuntimeError: another host of this test holds it.
        """
        self.need_line()
        self._agent = held

    @property
    def traffic(self) -> list[Reading]:
        """Every frame that passed in this test, both ways, in order. Needs "faults".

        Raises:
            RigError: more than 20,000 did, and the first are no longer known.
        """
        self._need_whole()
        return self._wire.readings

    def heard(self, message: str) -> list[dict[str, Any]]:
        """Fields, in their units, of every record of this message that passed in this test.

        It listens on the line, so it also works while an agent holds the link. Needs "faults".

        Raises:
            RigError: more than 20,000 frames passed, and the first are no longer known.
            ValueError: no message has that name.
        """
        self._need_whole()
        return self._wire.records(message)

    def wait_for(
        self,
        message: str,
        condition: Callable[[Mapping[str, Any]], bool] = lambda record: True,
        timeout: float = 30.0,
    ) -> dict[str, Any]:
        """The first record of this message from now on for which the condition holds.

        Raises:
            TimeoutError: none came; the text has the last one that did.
            ValueError: none came, and no message has that name.
        """
        self._need_bridge()
        return self._wire.wait_for(message, condition, timeout)

    @property
    def faults(self) -> Faults:
        """What can be done to its line; the fixture `edge_faults`."""
        return Faults(self._need_bridge(), self._need, self._rig)

    def _need(self, capability: str) -> None:
        if capability not in self.capabilities:
            has = ", ".join(sorted(self.capabilities))
            raise RigError(f"{self.name}: expected a rig with {capability}, it has {has}")

    def _need_bridge(self) -> FaultBridge:
        if self._bridge is None:
            raise RigError(f"{self.name}: there is no fault bridge in its line")
        return self._bridge

    def _need_whole(self) -> None:
        """Of a part a test would count too little, and believe that something never passed."""
        self._need_bridge()
        if self._wire.forgotten:
            raise RigError(
                f"{self.name}: expected at most {KEPT:,} frames in a test, and the first "
                f"{self._wire.forgotten:,} are no longer known; `wait_for` looks on as they pass"
            )

    def begin(self, journal: Path | None, seed: int) -> None:
        """A test begins: all is as it should be, counts are zero, the journal goes to that file."""
        self._journal.begin(journal)
        bridge = self._bridge
        if bridge is not None:
            with self._rig():
                bridge.order(lambda: bridge.calm(seed))
        self._wire.begin()
        self._said_before = len(self._target.logs())
        self.start()

    def end(self, failed: bool) -> None:
        """A test is over; one that failed leaves a device behind that nobody knows.

        Raises:
            RigError: the device has ended by itself, or the rig failed at what was due by its time.
        """
        self._journal.end()
        for link in list(self._links):
            link.close()
        self._links.clear()
        self._agent = bool
        trouble = self._target.trouble()
        if failed and "reset" in self.capabilities:
            self.start()
            with self._rig():
                self._target.reset()
        if self._bridge is not None and self._bridge.failure is not None:
            raise RigError(self._bridge.failure)
        if trouble is not None and not failed:
            raise RigError(f"{self.name}: {trouble}")

    def story(self) -> list[tuple[str, str]]:
        """Titled texts for the report of a test that failed."""
        line = "\n".join(self._wire.tail(_TAIL_LINES))
        faults = "\n".join(str(entry) for entry in self._journal.entries[-_TAIL_LINES:])
        logs = self._target.logs()[self._said_before :]
        said = "\n".join(logs.splitlines()[-_TAIL_LINES:])
        trouble = self._target.trouble()
        now = [*([] if trouble is None else [trouble]), *self._absence()]
        told = [
            ("edgecore line, its last frames", line),
            ("edgecore faults", faults),
            ("edgecore device and rig", said),
            ("edgecore device now", "\n".join(now)),
        ]
        return [(title, text) for title, text in told if text]

    def close(self) -> None:
        """Gives it up."""
        if self._bridge is not None:
            self._bridge.close()
        self._target.close()
        self._folder.close()
