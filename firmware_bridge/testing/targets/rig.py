"""A device on a bench, and the commands that switch, reset and flash it, from a TOML file."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path

from firmware_bridge.testing.targets.claim import claim
from firmware_bridge.testing.targets.command import Ended, run_command
from firmware_bridge.testing.targets.line import LineTarget
from firmware_bridge.testing.targets.rig_file import COMMANDS, IMAGE, TIMEOUT_S, read_rig
from firmware_bridge.testing.targets.target import TargetError, check_image

_TOLD_LINES = 20


class RigTarget(LineTarget):
    """`rig:FILE`; docs/hil.md describes the file.

    Its commands run without a shell, in the file's folder, and what they say is in `logs`. From the
    start until it is closed no other process can run those of a rig at the same port.

    Raises:
        ValueError: the file cannot be read, is not TOML, or a key is unknown, missing, of the
            wrong type or makes no sense.
    """

    def __init__(self, spec: str) -> None:
        path = Path(spec.partition(":")[2])
        self._entries = read_rig(path)
        super().__init__(self._entries["port"], bridged=self._entries.get("bridge", False))
        self.name = self._entries.get("name", spec)
        self._path = path
        self._said: list[str] = []
        self._claim: socket.socket | None = None
        self._on: bool | None = "power_on" not in self._entries
        """None: a command failed, and nobody knows."""
        self.capabilities = frozenset(self._entries.get("capabilities", ())) | {
            name
            for name, key in (("power", "power_off"), ("reset", "reset"), ("flash", "flash"))
            if key in self._entries
        }

    @property
    def url(self) -> str:
        """The file's port."""
        return str(self._entries["port"])

    def start(self) -> None:
        """`power_on`."""
        with self.lock:
            if self._entries.keys() & set(COMMANDS):
                self._claim_it()
            if self._on is not True:
                self._on = None
                self._command("power_on")
                self._on = True

    def stop(self) -> None:
        """`power_off`."""
        with self.lock:
            if self._on is False:
                return
            if "power_off" not in self._entries:
                raise self._unable("power off")
            self._on = None
            self._command("power_off")
            self._on = False

    def reset(self) -> None:
        """`reset`."""
        self._command("reset")

    def flash(self, image: Path) -> None:
        """`flash`, in which `{image}` is the file."""
        if "flash" in self._entries:
            check_image(self.name, image)
        self._command("flash", image)

    def logs(self) -> str:
        """What each command printed."""
        return "\n".join(self._said)

    def close(self) -> None:
        """Lets others have it, as it is."""
        with self.lock:
            if self._claim is not None:
                self._claim.close()
                self._claim = None

    def _claim_it(self) -> None:
        if self._claim is None:
            try:
                self._claim = claim(self.url)
            except TargetError as error:
                raise TargetError(f"{self.name}: {error}") from None

    def _command(self, name: str, image: Path | None = None) -> None:
        template = self._entries.get(name)
        if template is None:
            raise self._unable(name.replace("_", " "))
        words = shlex.split(template)
        if image is not None:
            words = [word.replace(IMAGE, str(image.absolute())) for word in words]
        timeout_s = float(self._entries.get("timeout_s", TIMEOUT_S))
        with self.lock:
            self._claim_it()
            try:
                ended = run_command(words, folder=self._path.parent, timeout_s=timeout_s)
            except OSError as error:
                raise TargetError(f"{self.name}: {name}: {words[0]}: {error.strerror}") from None
            self._said.append(f"$ {shlex.join(words)}\n{ended.said}".rstrip())
        if ended.status is None:
            raise TargetError(
                f"{self.name}: {name}: no end of `{shlex.join(words)}` within {timeout_s:g} s"
                f"{_told(ended)}"
            )
        if ended.status != 0:
            raise TargetError(
                f"{self.name}: {name}: `{shlex.join(words)}` ended with {ended.status}"
                f"{_told(ended)}"
            )


def _told(ended: Ended) -> str:
    lines = ended.said.strip().splitlines()[-_TOLD_LINES:]
    return ": " + "\n".join(lines) if lines else ""
