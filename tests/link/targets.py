"""The firmware where it really runs: as a process, behind a serial port, on machines under QEMU."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import serial

from firmware_bridge.testing import image
from firmware_bridge.testing.ports import machines, ports
from firmware_bridge.testing.qemu import Machine

PATIENCE_S = 30.0
MACHINES = sorted(machines())
TARGETS = ["sim", "pty", *MACHINES]


def capabilities(name: str) -> frozenset[str]:
    """What the port behind a target declares."""
    return (machines()[name] if name in MACHINES else ports()["host"]).capabilities


def need_qemu() -> None:
    """Skips, or fails in CI, where what `qemu:` needs is not installed."""
    missing = [name for name in image.PACKAGES if shutil.which(name) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"no {', '.join(missing)} here, and CI skips none of these tests")
    if missing:
        pytest.skip(f"no {', '.join(missing)} here; it comes with: sudo make system")


class Debugger:
    """Speaks GDB's remote protocol; the machine stands still while it is there."""

    def __init__(self, path: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.settimeout(PATIENCE_S)
        self._line.connect(str(path))
        self._read = b""
        self._ask("qXfer:features:read:target.xml:0,ffb")  # before it, QEMU sets no register

    def _ask(self, command: str) -> str:
        data = command.encode()
        self._line.sendall(b"+$" + data + b"#%02x" % (sum(data) & 0xFF))
        while (answer := self._packet())[:1] in "TS":
            pass  # it also says, unasked, that the machine has stopped
        return answer

    def _packet(self) -> str:
        while (found := re.search(rb"\$([^#]*)#..", self._read)) is None:
            piece = self._line.recv(4096)
            assert piece, "QEMU closed its debugger"
            self._read += piece
        self._read = self._read[found.end() :]
        return found[1].decode()

    def write_halfword(self, address: int, value: int) -> None:
        assert self._ask(f"M{address:x},2:{value.to_bytes(2, 'little').hex()}") == "OK"

    def jump(self, address: int) -> None:
        assert self._ask(f"Pf={address.to_bytes(4, 'little').hex()}") == "OK"

    def __enter__(self) -> Debugger:
        return self

    def __exit__(self, *error: object) -> None:
        self._ask("D")
        self._line.close()


class Target:
    """A firmware that runs, at `url`; `machine` is None for the host's process, on either line."""

    def __init__(self, name: str, folder: Path) -> None:
        self.machine: Machine | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.capabilities = capabilities(name)
        if name == "sim":
            self.url = f"unix://{folder / 'sim'}"
            self._start_process(folder, "--listen", f"unix:{folder / 'sim'}")
        elif name == "pty":
            self.url = f"serial://{folder / 'tty'}"
            self._start_process(folder, "--pty-link", str(folder / "tty"))
        else:
            need_qemu()
            self._debugger = folder / "gdb"
            gdb = ("-gdb", f"unix:{self._debugger},server=on,wait=off")
            self.machine = Machine(name, options=gdb)
            self.url = self.machine.url
            self.machine.run()

    def _start_process(self, folder: Path, *line: str) -> None:
        command = [sys.executable, "-m", "firmware_bridge.sim", *line]
        said = folder / "said"
        with said.open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out)
        until = time.monotonic() + PATIENCE_S
        while b'"listening"' not in said.read_bytes():  # a socket is there before it listens
            assert time.monotonic() < until, f"it said only {said.read_bytes()!r}"
            time.sleep(0.01)

    def send(self, data: bytes) -> None:
        """Puts bytes on the line, on which no link is."""
        scheme, path = self.url.split("://")
        if scheme == "serial":
            with serial.Serial(path, write_timeout=PATIENCE_S) as port:
                port.write(data)
            return
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(PATIENCE_S)
            line.connect(path)
            line.sendall(data)

    def debugger(self) -> Debugger:
        return Debugger(self._debugger)

    def word(self, address: int) -> int:
        """What the machine's bus reads there."""
        assert self.machine is not None
        said: Any = self.machine.execute(
            "human-monitor-command", **{"command-line": f"xp /1wx {address:#x}"}
        )
        return int(said.split(":")[1], 16)

    def close(self) -> None:
        if self.machine is not None:
            self.machine.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
