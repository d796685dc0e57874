"""The reference firmware on a microcontroller under QEMU."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from urllib.parse import parse_qsl

from firmware_bridge.errors import BridgeConnectionError, BridgeError
from firmware_bridge.manifest import verifier
from firmware_bridge.testing.qemu import Machine, machine_port
from firmware_bridge.testing.targets.target import Target, TargetError
from firmware_bridge.transport import Port

_OPTIONS = ("image", "flash", "public_key")


class QemuTarget(Target):
    """`qemu`, `qemu:lm3s6965evb`, or `qemu:mps2-an386?image=FILE` with an image of one's own.

    `flash=FILE` keeps its flash over power cycles, `public_key=PEM` is of who may sign updates.
    Frozen, the whole machine stands still, its clock included.

    Raises:
        ValueError: there is no port for this machine, or the options make no sense.
    """

    def __init__(self, spec: str = "qemu") -> None:
        super().__init__()
        machine, _, query = spec.partition(":")[2].partition("?")
        options = dict(parse_qsl(query))
        image, flash, public_key = (options.pop(name, None) for name in _OPTIONS)
        if options:
            raise ValueError(
                f"{spec}: expected options of {', '.join(_OPTIONS)}; got {', '.join(options)}"
            )
        port = machine_port(machine)
        self.name = spec
        self.capabilities = port.capabilities | {"power", "reset", "freeze", "stall", "flash"}
        self.capabilities |= {"step"} if port.counter else set()
        self._machine_name = port.machine
        self._image = None if image is None else Path(image)
        self._flash = None if flash is None else Path(flash)
        self._verify = None if public_key is None else verifier(public_key)
        self._machine: Machine | None = None
        self._frozen_ns: int | None = None

    def open(self) -> Port:
        """The machine's UART."""
        with self.lock:
            if self._machine is None:
                raise BridgeConnectionError(f"{self.name}: it is off")
            line = socket.socket(socket.AF_UNIX)
            try:
                # What QEMU has not taken yet stays with the bridge.
                line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 0)
                line.connect(self._machine.url.removeprefix("unix://"))
            except OSError as error:
                line.close()
                raise BridgeConnectionError(f"{self.name}: {error.strerror}") from None
            line.setblocking(False)
            return Port(line.fileno(), 0, self.name, [line.close])

    def start(self) -> None:
        """Starts QEMU with the image, which is compiled at the first use."""
        with self.lock:
            if self._machine is None:
                try:
                    self._machine = Machine(
                        self._machine_name,
                        image=self._image,
                        flash=self._flash,
                        verify=self._verify,
                    )
                except BridgeConnectionError as error:
                    raise TargetError(str(error)) from error
                self._run()

    def _run(self) -> None:
        self._execute("cont")
        self._frozen_ns = None
        if "vehicle" in self.capabilities:
            self.scene_epoch_ns = time.monotonic_ns()

    def stop(self) -> None:
        """Ends QEMU."""
        with self.lock:
            machine, self._machine = self._machine, None
            if machine is not None:
                machine.close()

    def reset(self) -> None:
        """The reset button; memory keeps its content."""
        with self.lock:
            self._execute("system_reset")
            self._run()

    def freeze(self) -> None:
        """Stops the virtual processor and clock."""
        with self.lock:
            self._execute("stop")
            self._frozen_ns = self._frozen_ns or time.monotonic_ns()

    def thaw(self) -> None:
        """Both go on."""
        with self.lock:
            if self._machine is None or self._frozen_ns is None:
                return
            self._execute("cont")
            if self.scene_epoch_ns is not None:
                self.scene_epoch_ns += time.monotonic_ns() - self._frozen_ns
            self._frozen_ns = None

    def step(self, seconds: float) -> None:
        """Sets the counter that its clock is made of, up to 71 minutes ahead."""
        with self.lock:
            if self._machine is None:
                raise TargetError(f"{self.name}: step: expected power on, it is off")
            try:
                self._machine.step(round(seconds * 1e6))
            except (BridgeError, EOFError, OSError, ValueError) as error:
                raise TargetError(f"{self.name}: step: {error}") from error
            if self.scene_epoch_ns is not None:
                self.scene_epoch_ns -= round(seconds * 1e9)

    def flash(self, image: Path) -> None:
        """Another ELF image, booted from power-on."""
        if not image.is_file():
            raise TargetError(f"{self.name}: flash: no such image: {image}")
        with self.lock:
            self.stop()
            self._image = image
            self.start()

    def _execute(self, command: str) -> None:
        with self.lock:
            if self._machine is None:
                raise TargetError(f"{self.name}: {command}: expected power on, it is off")
            try:
                self._machine.execute(command)
            except (BridgeError, EOFError, OSError) as error:
                raise TargetError(f"{self.name}: {command}: {error}") from error

    def logs(self) -> str:
        """What QEMU itself complained of."""
        with self.lock:
            return "" if self._machine is None else self._machine.said

    def trouble(self) -> str | None:
        """Whether QEMU ended by itself."""
        with self.lock:
            if self._machine is None or self._machine.running:
                return None
            return f"QEMU ended: {self._machine.said.strip()}"

    def close(self) -> None:
        """Switches it off."""
        self.stop()
