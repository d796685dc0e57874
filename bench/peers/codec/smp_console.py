"""smpclient's serial framing, pure Python, from its package `smp`: base64 lines with a CRC-16."""

from __future__ import annotations

from importlib.metadata import version

from smp import packet
from smp.exceptions import SMPException

NAME, VERSION = "smpclient's framing", f"smp {version('smp')}"
CHECK = "CRC-16"


def encode(payload: bytes) -> bytes:
    return b"".join(packet.encode(payload))


def decode(stream: bytes) -> list[bytes]:
    payloads: list[bytes] = []
    decoder = None
    for line in stream.splitlines(keepends=True):
        if decoder is None:
            decoder = packet.decode()
            next(decoder)
        try:
            decoder.send(line)
        except StopIteration as ended:
            payloads.append(ended.value)
            decoder = None
        except SMPException:
            decoder = None
    return payloads
