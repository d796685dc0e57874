"""The link's codec written the slow, obvious way: bytes in, frames and reasons out."""

from __future__ import annotations

from collections.abc import Iterator

BODY_MAX = 512
POLYNOMIAL = 0x82F63B78  # CRC-32C, reflected


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def cobs_encode(data: bytes) -> bytes:
    out = bytearray()
    block = bytearray()
    full = False
    for byte in data:
        full = False
        if byte:
            block.append(byte)
            if len(block) == 254:
                out += b"\xff" + block
                block.clear()
                full = True
        else:
            out += bytes([len(block) + 1]) + block
            block.clear()
    return bytes(out) if full else bytes(out + bytes([len(block) + 1]) + block)


def cobs_decode(data: bytes) -> bytes | None:
    out = bytearray()
    at = 0
    while at < len(data):
        code = data[at]
        block = data[at + 1 : at + code]
        if len(block) != code - 1:
            return None
        out += block
        at += code
        if code != 0xFF and at < len(data):
            out.append(0)
    return bytes(out)


def encode(channel: int, type: int, payload: bytes, sequence: int = 0, kind: int = 0) -> bytes:
    content = bytes([kind, channel, sequence, type]) + payload
    return cobs_encode(content + crc32c(content).to_bytes(4, "little")) + b"\0"


def decode(stream: bytes) -> Iterator[tuple[int, int, int, int, bytes] | str]:
    """Frames, as (kind, channel, sequence, type, payload), and reasons, in order."""
    for piece in stream.split(b"\0")[:-1]:
        if not piece:
            continue
        content = cobs_decode(piece)
        length = len(content) if content is not None else _cut_length(piece)
        if length > 4 + BODY_MAX + 4:
            yield "long"
        elif content is None:
            yield "cobs"
        elif len(content) < 8:
            yield "short"
        elif crc32c(content[:-4]) != int.from_bytes(content[-4:], "little"):
            yield "crc"
        else:
            yield content[0], content[1], content[2], content[3], content[4:-4]


def _cut_length(piece: bytes) -> int:
    """Bytes that the blocks of a cut piece hold."""
    length = at = 0
    while at < len(piece):
        code = piece[at]
        length += min(code - 1, len(piece) - at - 1)
        at += code
        if code != 0xFF and at < len(piece):
            length += 1
    return length
