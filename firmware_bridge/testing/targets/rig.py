"""A device on a bench, and the commands that switch, reset and flash it, from a TOML file."""

from __future__ import annotations

import math
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from firmware_bridge.testing.targets.line import LineTarget
from firmware_bridge.testing.targets.target import TargetError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KEYS: dict[str, type] = {
    "port": str,
    "name": str,
    "capabilities": list,
    "bridge": bool,
    "timeout_s": float,
    "power_on": str,
    "power_off": str,
    "reset": str,
    "flash": str,
}
_COMMANDS = ("power_on", "power_off", "reset", "flash")
_IMAGE = "{image}"
_TIMEOUT_S = 30.0


class RigTarget(LineTarget):
    """`rig:FILE`; docs/hil.md describes the file.

    Its commands run without a shell, in the file's folder, and what they say is in `logs`.

    Raises:
        ValueError: the file cannot be read, is not TOML, or a key is unknown, missing or of the
            wrong type.
    """

    def __init__(self, spec: str) -> None:
        path = Path(spec.partition(":")[2])
        self._entries = _read(path)
        super().__init__(self._entries["port"], bridged=self._entries.get("bridge", False))
        self.name = self._entries.get("name", spec)
        self._path = path
        self._said: list[str] = []
        self._on = "power_on" not in self._entries
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
            if not self._on:
                self._command("power_on")
                self._on = True

    def stop(self) -> None:
        """`power_off`."""
        with self.lock:
            if self._on:
                self._command("power_off")
                self._on = False

    def reset(self) -> None:
        """`reset`."""
        self._command("reset")

    def flash(self, image: Path) -> None:
        """`flash`, in which `{image}` is the file."""
        self._command("flash", image)

    def logs(self) -> str:
        """What each command printed."""
        return "\n".join(self._said)

    def _command(self, name: str, image: Path | None = None) -> None:
        template = self._entries.get(name)
        if template is None:
            raise self._unable(name.replace("_", " "))
        words = shlex.split(template)
        if image is not None:
            words = [word.replace(_IMAGE, str(image.absolute())) for word in words]
        timeout_s = float(self._entries.get("timeout_s", _TIMEOUT_S))
        with self.lock:
            try:
                done = subprocess.run(
                    words,
                    cwd=self._path.parent,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    timeout=timeout_s,
                    text=True,
                    errors="replace",
                )
            except subprocess.TimeoutExpired as error:
                said = error.stdout or b""
                self._note(words, said.decode(errors="replace") if isinstance(said, bytes) else "")
                raise TargetError(
                    f"{self.name}: {name}: no end of `{shlex.join(words)}` within {timeout_s:g} s"
                ) from None
            except OSError as error:
                raise TargetError(f"{self.name}: {name}: {words[0]}: {error.strerror}") from None
            self._note(words, done.stdout)
        if done.returncode != 0:
            raise TargetError(
                f"{self.name}: {name}: `{shlex.join(words)}` ended with {done.returncode}: "
                f"{done.stdout.strip()}"
            )

    def _note(self, words: list[str], said: str) -> None:
        self._said.append(f"$ {shlex.join(words)}\n{said.rstrip()}".rstrip())


def _read(path: Path) -> dict[str, Any]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path}: not valid TOML: {error}") from None
    for key, value in entries.items():
        if key not in _KEYS:
            raise ValueError(f"{path}: expected keys of {', '.join(_KEYS)}, got {key!r}")
        wanted = (int, float) if _KEYS[key] is float else _KEYS[key]
        if not isinstance(value, wanted) or (_KEYS[key] is float and isinstance(value, bool)):
            raise ValueError(
                f"{path}: {key}: expected {_KEYS[key].__name__}, got {type(value).__name__}"
            )
        if key in _COMMANDS:
            _check_command(f"{path}: {key}", key, entries[key])
    for name in entries.get("capabilities", ()):
        if not isinstance(name, str):
            raise ValueError(f"{path}: capabilities: expected str each, got {type(name).__name__}")
    if not 0 < entries.get("timeout_s", _TIMEOUT_S) < math.inf:
        raise ValueError(
            f"{path}: timeout_s: expected seconds, more than 0, got {entries['timeout_s']}"
        )
    if "power_off" in entries and "power_on" not in entries:
        raise ValueError(f"{path}: expected a key `power_on` beside power_off, got none")
    if "port" not in entries:
        raise ValueError(f"{path}: expected a key `port`: the device's path or URL")
    return entries


def _check_command(about: str, key: str, text: str) -> None:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{about}: expected a command, got {text!r}: {error}") from None
    if not words:
        raise ValueError(f"{about}: expected a command, got {text!r}")
    # Without it the old firmware would be tested as the new one.
    if key == "flash" and not any(_IMAGE in word for word in words):
        raise ValueError(f"{about}: expected {_IMAGE} in the command, got {text!r}")
