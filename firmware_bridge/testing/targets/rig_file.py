"""The TOML file of a rig; docs/hil.md describes it."""

from __future__ import annotations

import math
import re
import shlex
import sys
from pathlib import Path
from typing import Any

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
COMMANDS = ("power_on", "power_off", "reset", "flash")
IMAGE = "{image}"
"""Stands for the file to flash."""
TIMEOUT_S = 30.0
_GIVEN_BY = {
    "power": "comes with the key `power_off`",
    "reset": "comes with the key `reset`",
    "flash": "comes with the key `flash`",
    "faults": "comes with the key `bridge`",
    "freeze": "no rig can freeze its board",
    "stall": "no rig can stall its board's clock",
    "step": "no rig can set its board's clock",
}
"""Capabilities that a file cannot promise by their names."""
_OPERATOR = re.compile(r"\d?(>>?|<)(&\d)?|&&?|\|\|?|;")


def read_rig(path: Path) -> dict[str, Any]:
    """Its entries by key, those that are there.

    Raises:
        ValueError: the file cannot be read, is not TOML, or a key is unknown, missing, of the
            wrong type or makes no sense.
    """
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
        if key in COMMANDS:
            _check_command(f"{path}: {key}", key, entries[key])
    for name in entries.get("capabilities", ()):
        if not isinstance(name, str):
            raise ValueError(f"{path}: capabilities: expected str each, got {type(name).__name__}")
        if name in _GIVEN_BY:
            raise ValueError(f"{path}: capabilities: {name}: {_GIVEN_BY[name]}")
    if not 0 < entries.get("timeout_s", TIMEOUT_S) < math.inf:
        raise ValueError(
            f"{path}: timeout_s: expected seconds, more than 0, got {entries['timeout_s']}"
        )
    if "power_off" in entries and "power_on" not in entries:
        raise ValueError(f"{path}: expected a key `power_on` beside power_off, got none")
    if "port" not in entries:
        raise ValueError(f"{path}: expected a key `port`: the device's path or URL")
    if not entries["port"].strip():
        raise ValueError(
            f"{path}: port: expected the device's path or URL, got {entries['port']!r}"
        )
    return entries


def _check_command(about: str, key: str, text: str) -> None:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{about}: expected a command, got {text!r}: {error}") from None
    if not words:
        raise ValueError(f"{about}: expected a command, got {text!r}")
    for word in words:
        if _OPERATOR.fullmatch(word):
            raise ValueError(
                f"{about}: commands run without a shell; expected `sh -c '...'` around it, "
                f"got {word} in {text!r}"
            )
    # Without it the old firmware would be tested as the new one.
    if key == "flash" and not any(IMAGE in word for word in words):
        raise ValueError(f"{about}: expected {IMAGE} in the command, got {text!r}")
