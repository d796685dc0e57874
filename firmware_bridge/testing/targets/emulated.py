"""The reference firmware on a microcontroller under QEMU."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

from firmware_bridge.errors import BridgeConnectionError, BridgeError
from firmware_bridge.manifest import verifier
from firmware_bridge.testing.qemu import Machine, machine_port
from firmware_bridge.testing.targets.target import Target, TargetError, check_image, check_step
from firmware_bridge.transport import Port
from firmware_bridge.url_options import url_options

_OPTIONS = ("image", "flash", "public_key")
_ELF, _ARM = b"\x7fELF", (40).to_bytes(2, "little")
"""The magic number, and the machine's at offset 18."""
_STEP_MAX_S = 4294
"""The counter has 32 bits, of microseconds."""


class QemuTarget(Target):
    """`qemu`, `qemu:lm3s6965evb`, or `qemu:mps2-an386?image=FILE` with an image of one's own.

    `flash=FILE` keeps its flash over power cycles, `public_key=PEM` is of who may sign updates.
    Frozen, the whole machine stands still, its clock included.

    Raises:
        ValueError: there is no port for this machine, or the options make no sense.
    """

    def __init__(self, spec: str = "qemu") -> None:
        super().__init__()
        given = url_options(spec, "a file")
        image, flash, public_key = (given.pop(name, None) for name in _OPTIONS)
        if given:
            raise ValueError(f"expected options of {', '.join(_OPTIONS)}; got {', '.join(given)}")
        port = machine_port(spec.partition("?")[0].partition(":")[2])
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
        """Starts QEMU with the image, which is compiled at the first use; also where it ended."""
        with self.lock:
            if self._machine is not None and self._machine.running:
                return
            self.stop()
            try:
                self._machine = Machine(
                    self._machine_name,
                    image=self._image,
                    flash=self._flash,
                    verify=self._verify,
                )
            except (BridgeConnectionError, OSError, ValueError) as error:
                raise TargetError(f"{self.name}: {error}") from error
            try:
                self._run()
            except TargetError:
                self.stop()
                raise

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
        """The reset button; memory keeps its content. Where QEMU ended, it is started anew."""
        with self.lock:
            if self._machine is not None and not self._machine.running:
                self.start()
                return
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
        check_step(seconds, _STEP_MAX_S)
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
        """Another ELF image, booted from power-on; where that fails, the one before is again."""
        check_image(self.name, image)
        try:
            with image.open("rb") as file:
                header = file.read(20)
        except OSError as error:
            raise TargetError(f"{self.name}: flash: {image}: {error.strerror}") from None
        # QEMU takes any bytes for code, and ends when the processor stumbles over them.
        if not header.startswith(_ELF) or header[18:] != _ARM:
            raise TargetError(f"{self.name}: flash: {image}: expected an ELF file for ARM")
        with self.lock:
            before, self._image = self._image, image
            self.stop()
            try:
                self.start()
            except TargetError as error:
                self._image = before
                with contextlib.suppress(TargetError):
                    self.start()
                raise TargetError(f"{self.name}: flash: {image}: {error}") from error

    def _execute(self, command: str) -> None:
        with self.lock:
            if self._machine is None:
                raise TargetError(f"{self.name}: {command}: expected power on, it is off")
            try:
                self._machine.execute(command)
            except (BridgeError, EOFError, OSError) as error:
                said = [line for line in self._machine.said.splitlines() if "warning:" not in line]
                raise TargetError(
                    f"{self.name}: {command}: {': '.join([str(error), *said[:1]])}"
                ) from error

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
