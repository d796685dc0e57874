"""python4yahdlc, C: HDLC with a CRC-16; it takes one frame a call, so Python cuts the stream."""

from __future__ import annotations

from importlib.metadata import version

import yahdlc

NAME, VERSION = "python4yahdlc", version("python4yahdlc")
CHECK = "CRC-16"
FLAG = b"\x7e"


def encode(payload: bytes) -> bytes:
    return bytes(yahdlc.frame_data(payload, yahdlc.FRAME_DATA, 0))


def decode(stream: bytes) -> list[bytes]:
    payloads = []
    for piece in stream.split(FLAG):
        if not piece:
            continue
        try:
            payloads.append(bytes(yahdlc.get_data(FLAG + piece + FLAG)[0]))
        except (yahdlc.FCSError, yahdlc.MessageError):
            continue
    return payloads
