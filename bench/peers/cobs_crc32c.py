"""The same frame from the kept libraries `cobs` and `crc32c`, both C, joined in Python."""

from __future__ import annotations

import struct

from cobs import cobs
from crc32c import crc32c


def encode(channel: int, type: int, payload: bytes, sequence: int = 0, kind: int = 0) -> bytes:
    body = bytes((kind, channel, sequence, type)) + payload
    return cobs.encode(body + struct.pack("<I", crc32c(body))) + b"\0"


def decode(stream: bytes) -> list[tuple[int, int, int, int, bytes]]:
    """Every good frame of a stream that ends at a delimiter."""
    frames = []
    for wire in stream.split(b"\0"):
        if not wire:
            continue
        try:
            body = cobs.decode(wire)
        except cobs.DecodeError:
            continue
        if len(body) >= 8 and crc32c(body[:-4]) == struct.unpack("<I", body[-4:])[0]:
            frames.append((body[0], body[1], body[2], body[3], body[4:-4]))
    return frames
