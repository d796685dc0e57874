"""pymavlink: MAVLink 2, the payload in a TUNNEL message."""

from __future__ import annotations

from typing import Any

import pymavlink
from pymavlink.dialects.v20 import common

NAME, VERSION = "pymavlink", pymavlink.__version__
CHECK = "CRC-16"


def _ends() -> Any:
    return common.MAVLink(None, srcSystem=1, srcComponent=1)


_SENDER = _ends()


def encode(payload: bytes) -> bytes:
    message = common.MAVLink_tunnel_message(0, 0, 0, len(payload), payload.ljust(128, b"\0"))
    return bytes(message.pack(_SENDER))


def decode(stream: bytes) -> list[bytes]:
    found = _ends().parse_buffer(stream) or []
    return [bytes(message.payload[: message.payload_length]) for message in found]
