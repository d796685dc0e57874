"""Pre-shared keys of links: 32 bytes that the device has too; see docs/security.md."""

from __future__ import annotations

import os
import re
import stat
from typing import TypeAlias

from firmware_bridge._link import KEY_BYTES

_DIGITS = re.compile(f"[0-9A-Fa-f]{{{2 * KEY_BYTES}}}")

Key: TypeAlias = "bytes | str | os.PathLike[str]"
"""The key itself, or the file that holds it."""


def read_key(key: Key) -> bytes:
    """A link's key: 32 bytes as they are; from a file also as 64 hexadecimal digits.

    Raises:
        ValueError: it has another length, or others than its owner may read or change the file.
        OSError: the file cannot be read.
    """
    if isinstance(key, bytes):
        if len(key) != KEY_BYTES:
            raise ValueError(f"expected a key of {KEY_BYTES} bytes, got {len(key)}")
        return key
    if not isinstance(key, (str, os.PathLike)):
        raise TypeError(
            f"expected a key as bytes or the path of its file, got {type(key).__name__}"
        )
    path = os.fspath(key)
    if _DIGITS.fullmatch(path):
        raise ValueError("expected the name of the key's file, got a key in its place")
    with open(path, "rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise ValueError(
                f"{path}: expected mode 0600, got {mode:04o}: others may read or change the key"
            )
        text = file.read(4 * KEY_BYTES)
    if len(text) == KEY_BYTES:
        return text
    try:
        decoded = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        decoded = b""
    if len(decoded) != KEY_BYTES:
        raise ValueError(
            f"{path}: expected {KEY_BYTES} bytes or {2 * KEY_BYTES} hexadecimal digits, "
            f"got {len(text)} bytes"
        )
    return decoded
