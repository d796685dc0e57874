"""The reference firmware on a whole emulated microcontroller: `qemu:[machine]`.

Time is the host's: without `-icount` QEMU's virtual clock follows CLOCK_MONOTONIC while the machine
runs, so deadlines, leases and clock exchanges mean what they mean on hardware. With it they would
count instructions, and the host's half of the link would not.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from firmware_bridge.doors import check_socket_path
from firmware_bridge.errors import BridgeConnectionError
from firmware_bridge.log_table import offer
from firmware_bridge.manifest import Verify, verifier
from firmware_bridge.testing.bus import Bus
from firmware_bridge.testing.element import serve
from firmware_bridge.testing.image import build, program
from firmware_bridge.testing.ports import FirmwarePort, machines
from firmware_bridge.testing.qmp import Monitor
from firmware_bridge.testing.scratch_folder import ScratchFolder
from firmware_bridge.transport import Port

DEFAULT = "mps2-an386"
_BOOT_SEED = 0x20000000
"""Where cortexm/boot.c expects a number that differs from power-on to power-on."""
_ELEMENT, _PRESENT = 0x20000004, 0x4D454C45
"""Where it expects to be told of a part that checks signatures, and how."""
_PSRAM_BYTES, _FLASH_BYTES = 16 << 20, 258 * 4096
"""Of mps2: what QEMU backs by the file, and what of it is flash."""


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
        self,
        machine: str = "",
        *,
        image: Path | None = None,
        flash: Path | None = None,
        verify: Verify | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        """Switches it on.

        Args:
            machine: as QEMU calls it; empty: the default.
            image: what runs; None: the port's own, built when need be.
            flash: the file that is its flash, made when it is not there; None: it forgets.
            verify: checks signatures of images, in place of a part that the board lacks; for
                development. None: it takes none.
            options: more of QEMU's own.
        """
        self.port = machine_port(machine)
        if (flash is not None or verify is not None) and "update" not in self.port.capabilities:
            raise ValueError(f"qemu: {self.port.machine} has no flash that can be written")
        memory = () if flash is None else ("-object", _flash_object(flash))
        chosen = image or build(self.port)
        offer(chosen)
        command = [program("setpriv"), "--pdeathsig", "KILL", program("qemu-system-arm")]
        self._folder = ScratchFolder("edgecore-qemu-")
        uart = self._folder.path / "uart"
        try:
            check_socket_path(str(uart))
        except BridgeConnectionError:
            self._folder.close()
            raise
        self.url = f"unix://{uart}"
        ours, theirs = socket.socketpair()
        outer, inner = socket.socketpair()
        bus, behind = socket.socketpair()
        command += [
            *("-machine", self.port.machine + ("" if flash is None else ",memory-backend=flash")),
            *memory,
            *("-kernel", str(chosen), "-S"),
            *("-nodefaults", "-display", "none"),
            *("-chardev", f"socket,id=uart,path={uart},server=on,wait=off"),
            *("-serial", "chardev:uart"),
            *(("-chardev", f"socket,id=element,fd={inner.fileno()}") if verify else ()),
            *(("-serial", "chardev:element") if verify else ()),
            *_strap(_ELEMENT, _PRESENT if verify else 0),
            *("-chardev", f"socket,id=qmp,fd={theirs.fileno()}"),
            *("-mon", "chardev=qmp,mode=control"),
            *("-chardev", f"socket,id=qtest,fd={behind.fileno()}", "-qtest", "chardev:qtest"),
            *("-qtest-log", "none"),
            *_strap(_BOOT_SEED, secrets.randbits(32)),
            *options,
        ]
        self._line, self._bus = ours, Bus(bus)
        try:
            with theirs, inner, behind:
                fds = (theirs.fileno(), inner.fileno(), behind.fileno())
                self._process = self._start(command, *fds)
            if verify is not None:
                serve(outer, verify)
            else:
                outer.close()
            self.pid = self._process.pid
            self._monitor = self._greeting()
        except BaseException:
            self.close()
            raise

    def _start(self, command: list[str], *fds: int) -> subprocess.Popen[bytes]:
        """The signal that ends QEMU comes when the *thread* ends that started it, so that one
        waits for QEMU."""
        started: Future[subprocess.Popen[bytes]] = Future()

        def keep() -> None:
            try:
                with open(self._folder.path / "said", "wb") as said:
                    process = subprocess.Popen(
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=said,
                        stderr=said,
                        pass_fds=fds,
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
            raise BridgeConnectionError(f"qemu: {self.said.strip() or error}") from error

    @property
    def said(self) -> str:
        """What QEMU wrote on its console."""
        return (self._folder.path / "said").read_text(errors="replace")

    @property
    def running(self) -> bool:
        """Whether QEMU is there; the machine may stand still."""
        return self._process.poll() is None

    def execute(self, command: str, **arguments: Any) -> Any:
        """A command of QEMU's machine protocol (QMP), and what it returns."""
        return self._monitor.execute(command, **arguments)

    def run(self) -> None:
        """Lets time pass: the firmware boots, or goes on."""
        self.execute("cont")

    def reset(self) -> None:
        """What the reset button does; memory keeps its content, the clock starts anew."""
        self.execute("system_reset")

    def step(self, us: int) -> None:
        """Its clock jumps ahead.

        Raises:
            ValueError: the port has no counter that can be set, or the counter does not reach as
                far.
        """
        if not self.port.counter:
            raise ValueError(f"qemu: {self.port.machine} has no counter that can be set")
        if not 0 <= us < 1 << 32:
            raise ValueError(f"qemu: expected a step of 0 to 2**32 - 1 us, got {us}")
        now = self._bus.read(self.port.counter)
        self._bus.write(self.port.counter, (now + us) & 0xFFFFFFFF)

    def close(self) -> None:
        """Switches off. A second call does nothing."""
        process = getattr(self, "_process", None)
        if process is not None:
            process.kill()
            self._keeper.join()
        self._line.close()
        self._bus.close()
        self._folder.close()

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _strap(address: int, value: int) -> tuple[str, str]:
    """A word that lies in memory when the machine is switched on."""
    return "-device", f"loader,addr={address},data={value},data-len=4"


def _flash_object(path: Path) -> str:
    """The file, made when it is not there, as memory of QEMU's."""
    if not path.exists():
        with path.open("wb") as file:  # sparse behind what is used
            file.write(b"\xff" * _FLASH_BYTES)
            file.truncate(_PSRAM_BYTES)
    size = path.stat().st_size
    if size != _PSRAM_BYTES:
        raise ValueError(f"{path}: expected a flash of {_PSRAM_BYTES} bytes, got {size}")
    name = str(path).replace(",", ",,")
    return f"memory-backend-file,id=flash,size={_PSRAM_BYTES},share=on,mem-path={name}"


def open_machine(name: str, *, flash: Path | None = None, public_key: Path | None = None) -> Port:
    """The line to a machine of its own, which is switched off when the line is closed."""
    verify = None if public_key is None else verifier(public_key)
    machine = Machine(name, flash=flash, verify=verify)
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
