"""Recordings as blocks of pcapng (draft-ietf-opsawg-pcapng), which Wireshark opens as they are."""

from __future__ import annotations

import json
import struct
from typing import Any, Literal

from firmware_bridge.log_table import LogTable
from firmware_bridge.schema import Schema

Direction = Literal["from_device", "to_device"]

SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6
FACTS, TABLE, LOG_TABLE = 0x80EC0001, 0x80EC0002, 0x80EC0003
"""Of types reserved for local use."""
FLAGS: dict[Direction, int] = {"from_device": 1, "to_device": 2}
_TEXTS = (FACTS, LOG_TABLE)
_BYTE_ORDER = 0x1A2B3C4D
_USER0 = 147


def head(url: str, wall_ns: int, device: dict[str, Any]) -> list[bytes]:
    """The blocks that a recording begins with.

    Args:
        url: where it is recorded.
        wall_ns: wall clock minus CLOCK_MONOTONIC.
        device: see `Recorder`.
    """
    facts = {"recording": 1, "url": url, "wall_ns": wall_ns, "device": device}
    section = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1)
    interface = struct.pack("<HHI", _USER0, 0, 0)
    return [
        block(SECTION, section + _options((4, b"edgecore link record"))),
        block(INTERFACE, interface + _options((2, url.encode()), (9, b"\x09"))),
        block(FACTS, json.dumps(facts).encode()),
    ]


def table(schema: Schema) -> bytes:
    """From here on, records are of this table."""
    return block(TABLE, struct.pack("<I", len(schema.blob)) + schema.blob)


def log_table(words: LogTable) -> bytes:
    """Log lines of this program may come."""
    return block(LOG_TABLE, words.dump())


def packet(direction: Direction, wall_ns: int, data: bytes) -> bytes:
    """A frame's bytes, or noise, and when it came, wall clock."""
    size = len(data)
    numbers = struct.pack("<IIIII", 0, wall_ns >> 32, wall_ns & 0xFFFFFFFF, size, size)
    flags = _options((2, struct.pack("<I", FLAGS[direction])))
    return block(PACKET, numbers + _padded(data) + flags)


def block(kind: int, body: bytes) -> bytes:
    """One block, whole."""
    body = _padded(body, b" " if kind in _TEXTS else b"\0")
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _padded(data: bytes, padding: bytes = b"\0") -> bytes:
    return data + padding * (-len(data) % 4)


def _options(*options: tuple[int, bytes]) -> bytes:
    body = b"".join(
        struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options
    )
    return body + struct.pack("<HH", 0, 0)
