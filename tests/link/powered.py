"""A device with the flash of its author, on any target; its power may fail."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import firmware_bridge as fb
from firmware_bridge.testing.qemu import Machine
from tests.link.author import Author
from tests.link.process import running
from tests.link.targets import MACHINES, PATIENCE_S, need_qemu


class Powered:
    """A target with its author's flash, from power-on until close; `key`: it checks signatures."""

    def __init__(self, target: str, author: Author, *, key: bool = True) -> None:
        self.machine: Machine | None = None
        self.url = author.url
        self._until = contextlib.ExitStack()
        if target in MACHINES:
            need_qemu()
            verify = fb.verifier(author.public) if key else None
            self.machine = Machine(target, flash=author.flash, verify=verify)
            self._until.callback(self.machine.close)
            self.url = self.machine.url
            self.machine.run()
            self._pid = self.machine.pid
            return
        line = ["--listen", author.address]
        if target == "pty":
            line = ["--pty-link", str(author.folder / "tty")]
            self.url = f"serial://{author.folder / 'tty'}"
        options = ["--public-key", str(author.public)] if key else []
        sim = self._until.enter_context(running(*line, "--flash", str(author.flash), *options))
        sim.wait_for("listening")
        self._pid = sim.process.pid

    def cut(self) -> None:
        """The power fails, at any instruction."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def stop(self) -> None:
        """It stands still."""
        if self.machine is not None:
            self.machine.execute("stop")
        else:
            os.kill(self._pid, signal.SIGSTOP)

    def go_on(self) -> None:
        if self.machine is not None:
            self.machine.run()
        else:
            os.kill(self._pid, signal.SIGCONT)

    def __enter__(self) -> Powered:
        return self

    def __exit__(self, *error: object) -> None:
        self._until.close()


def wait_for_boot_other_than(link: fb.Link, boot_id: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while link.info.boot_id == boot_id or link.state != "open":
        assert time.monotonic() < until, "no other boot came"
        time.sleep(0.01)
