"""sliplib, pure Python: SLIP (RFC 1055) tells frames apart, and nothing else."""

from __future__ import annotations

from importlib.metadata import version

import sliplib

NAME, VERSION = "sliplib", version("sliplib")
CHECK = "none"
_SENDER = sliplib.Driver()


def encode(payload: bytes) -> bytes:
    return _SENDER.send(payload)


def decode(stream: bytes) -> list[bytes]:
    driver, payloads = sliplib.Driver(), []
    driver.receive(stream)
    while payload := driver.get(block=False):
        payloads.append(payload)
    return payloads
