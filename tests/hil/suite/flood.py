"""A firmware with much to say: it logs a line for each update that it is offered and refuses."""

from __future__ import annotations

import struct

import firmware_bridge as fb
from firmware_bridge.messages import Message
from firmware_bridge.schema import MessageInfo
from firmware_bridge.transfer import BULK_CHANNEL, OFFER

LINE = "update: version"


class Offer(Message, info=MessageInfo("transfer offer", OFFER, BULK_CHANNEL, 0, ())):
    """Of an image that nobody signed."""

    def __init__(self, number: int) -> None:
        self._number = number

    def pack(self) -> bytes:
        manifest = fb.make_manifest(b"nothing", version=self._number)
        return struct.pack("<HH", self._number & 0xFFFF, 0) + manifest.pack()


def flood(link: fb.Link, first: int, count: int) -> None:
    """So many offers at once, numbered; what the line does not take yet waits in the host."""
    for number in range(first, first + count):
        assert link.publish(Offer(number))
