"""edgecore's own frame from the kept libraries `cobs` and `crc32c`, both C, joined in Python."""

from __future__ import annotations

import struct
from importlib.metadata import version

from cobs import cobs
from crc32c import crc32c

NAME, VERSION = "cobs+crc32c", f"{version('cobs')}, {version('crc32c')}"
CHECK = "CRC-32C"
HEADER = bytes((0, 2, 0, 0x40))


def encode(payload: bytes) -> bytes:
    body = HEADER + payload
    return cobs.encode(body + struct.pack("<I", crc32c(body))) + b"\0"


def decode(stream: bytes) -> list[bytes]:
    payloads = []
    for wire in stream.split(b"\0"):
        if not wire:
            continue
        try:
            body = cobs.decode(wire)
        except cobs.DecodeError:
            continue
        if len(body) >= 8 and crc32c(body[:-4]) == struct.unpack("<I", body[-4:])[0]:
            payloads.append(body[4:-4])
    return payloads
