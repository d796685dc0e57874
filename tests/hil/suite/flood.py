"""A firmware with much to say: it logs a line for each update that it is offered and refuses."""

from __future__ import annotations

import struct
import time

import firmware_bridge as fb
from firmware_bridge.messages import Message
from firmware_bridge.schema import MessageInfo
from firmware_bridge.transfer import BULK_CHANNEL, OFFER

LINE = "update: version"
PATIENCE_S = 60.0


class Offer(Message, info=MessageInfo("transfer offer", OFFER, BULK_CHANNEL, 0, ())):
    """Of an image that nobody signed."""

    def __init__(self, number: int) -> None:
        self._number = number

    def pack(self) -> bytes:
        manifest = fb.make_manifest(b"nothing", version=self._number)
        return struct.pack("<HH", self._number & 0xFFFF, 0) + manifest.pack()


def flood(link: fb.Link, first: int, count: int) -> None:
    """So many offers at once, numbered; what the line does not take yet waits in the host.

    There is nobody to offer them to while the host, which was kept from listening, looks for the
    device again.
    """
    until_s = time.monotonic() + PATIENCE_S
    for number in range(first, first + count):
        while not link.publish(Offer(number)):
            assert time.monotonic() < until_s, f"the link is {link.state}"
            time.sleep(0.005)
