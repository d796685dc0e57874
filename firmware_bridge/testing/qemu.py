"""The reference firmware on a whole emulated microcontroller: `qemu:[machine]`.

Time is the host's: without `-icount` QEMU's virtual clock follows CLOCK_MONOTONIC while the machine
runs, so deadlines, leases and clock exchanges mean what they mean on hardware. With it they would
count instructions, and the host's half of the link would not.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

from firmware_bridge.errors import BridgeConnectionError
from firmware_bridge.log_table import offer
from firmware_bridge.testing.image import build, program
from firmware_bridge.testing.ports import FirmwarePort, machines
from firmware_bridge.testing.qmp import Monitor
from firmware_bridge.transport import Port

DEFAULT = "mps2-an386"
_BOOT_SEED = 0x20000000
"""Where cortexm/boot.c expects a number that differs from power-on to power-on."""


def machine_port(machine: str) -> FirmwarePort:
    """The port for a machine; an empty name is the default's.

    Raises:
        ValueError: there is no port for it.
    """
    known = machines()
    if (machine or DEFAULT) not in known:
        raise ValueError(f"qemu: expected a machine of {', '.join(known)}, got {machine!r}")
    return known[machine or DEFAULT]


class Machine:
    """A machine that is switched on but stands still until `run`; it ends with this process.

    Attributes:
        port: what it is and can do.
        url: of its UART; one client at a time.
        pid: of QEMU.

    Raises:
        BridgeConnectionError: QEMU or the compiler is missing or failed; the text says which.
        ValueError: there is no port for this machine.
    """

    def __init__(
        self, machine: str = "", *, image: Path | None = None, options: tuple[str, ...] = ()
    ) -> None:
        self.port = machine_port(machine)
        chosen = image or build(self.port)
        offer(chosen)
        command = [program("setpriv"), "--pdeathsig", "KILL", program("qemu-system-arm")]
        self._folder = Path(tempfile.mkdtemp(prefix="edgecore-qemu-"))
        uart = self._folder / "uart"
        self.url = f"unix://{uart}"
        ours, theirs = socket.socketpair()
        command += [
            *("-machine", self.port.machine, "-kernel", str(chosen), "-S"),
            *("-nodefaults", "-display", "none"),
            *("-chardev", f"socket,id=uart,path={uart},server=on,wait=off"),
            *("-serial", "chardev:uart"),
            *("-chardev", f"socket,id=qmp,fd={theirs.fileno()}"),
            *("-mon", "chardev=qmp,mode=control"),
            *("-device", f"loader,addr={_BOOT_SEED},data={secrets.randbits(32)},data-len=4"),
            *options,
        ]
        self._line = ours
        try:
            with theirs:
                self._process = self._start(command, theirs.fileno())
            self.pid = self._process.pid
            self._monitor = self._greeting()
        except BaseException:
            self.close()
            raise

    def _start(self, command: list[str], fd: int) -> subprocess.Popen[bytes]:
        """The signal that ends QEMU comes when the *thread* ends that started it, so that one
        waits for QEMU."""
        started: Future[subprocess.Popen[bytes]] = Future()

        def keep() -> None:
            try:
                with open(self._folder / "said", "wb") as said:
                    process = subprocess.Popen(
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=said,
                        stderr=said,
                        pass_fds=[fd],
                        start_new_session=True,  # Ctrl-C in the terminal is for this program
                    )
            except BaseException as error:
                started.set_exception(error)
                return
            started.set_result(process)
            process.wait()

        self._keeper = threading.Thread(target=keep, name="qemu", daemon=True)
        self._keeper.start()
        return started.result()

    def _greeting(self) -> Monitor:
        try:
            return Monitor(self._line)
        except (EOFError, OSError) as error:
            said = (self._folder / "said").read_text(errors="replace").strip()
            raise BridgeConnectionError(f"qemu: {said or error}") from error

    def execute(self, command: str, **arguments: Any) -> Any:
        """A command of QEMU's machine protocol (QMP), and what it returns."""
        return self._monitor.execute(command, **arguments)

    def run(self) -> None:
        """Lets time pass: the firmware boots, or goes on."""
        self.execute("cont")

    def reset(self) -> None:
        """What the reset button does; memory keeps its content, the clock starts anew."""
        self.execute("system_reset")

    def close(self) -> None:
        """Switches off. A second call does nothing."""
        process = getattr(self, "_process", None)
        if process is not None:
            process.kill()
            self._keeper.join()
        self._line.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_machine(name: str) -> Port:
    """The line to a machine of its own, which is switched off when the line is closed."""
    machine = Machine(name)
    try:
        line = socket.socket(socket.AF_UNIX)
        # What QEMU has not taken yet stays with the session, which knows what to send first.
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 0)
        line.connect(machine.url.removeprefix("unix://"))
        machine.run()
    except BaseException:
        machine.close()
        raise
    line.setblocking(False)
    description = f"{machine.port.machine} under QEMU, process {machine.pid}"
    return Port(line.fileno(), 0, description, [machine.close, line.close])
