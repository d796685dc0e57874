"""Fetches the table of messages from a device, once per table."""

from __future__ import annotations

import struct
from collections.abc import Callable
from concurrent.futures import Future

from firmware_bridge.errors import BridgeError, ProtocolError
from firmware_bridge.requests import Requests, Result
from firmware_bridge.schema import COMPILED, Schema

CONTROL_CHANNEL = 0
DESCRIBE = 0xF0
_TIMEOUT_S = 5.0

KNOWN = {COMPILED.hash: COMPILED}
"""Tables by their hashes; a device that names one of them is not asked for it."""


class Download:
    """One table on its way, in pieces that the device's slots hold.

    `done` is called once, in the link's thread, with the table or with what went wrong.
    """

    def __init__(
        self, requests: Requests, wanted: int, done: Callable[[Schema | BridgeError], None]
    ) -> None:
        self._requests = requests
        self._wanted = wanted
        self._done = done
        self._pieces: dict[int, bytes] = {}
        self._total = 0
        self._ended = False

    def start(self) -> None:
        """Asks for the first piece, or for nothing when the table is known."""
        known = KNOWN.get(self._wanted)
        if known is not None:
            self._end(known)
        else:
            self._ask(0)

    def abandon(self) -> None:
        """The session ended: `done` is not called any more."""
        self._ended = True

    def _ask(self, offset: int) -> None:
        if self._ended:
            return
        try:
            future = self._requests.submit(
                "descriptors", CONTROL_CHANNEL, DESCRIBE, struct.pack("<H", offset), _TIMEOUT_S
            )
        except BridgeError as error:
            self._end(error)
            return
        future.add_done_callback(lambda answered: self._take(offset, answered))

    def _take(self, offset: int, answered: Future[Result]) -> None:
        if self._ended:
            return
        error = answered.exception()
        if isinstance(error, BridgeError):
            self._end(error)
            return
        payload = answered.result().payload
        total = int.from_bytes(payload[:2], "little")
        piece = payload[2:]
        if not piece or (self._total and total != self._total):
            self._end(ProtocolError(f"the device's table ends at {offset} of {total} bytes"))
            return
        self._pieces[offset] = piece
        if not self._total:
            self._total = total
            for more in range(len(piece), total, len(piece)):
                self._ask(more)
        if sum(map(len, self._pieces.values())) >= self._total:
            self._finish()

    def _finish(self) -> None:
        blob = b"".join(self._pieces[at] for at in sorted(self._pieces))
        try:
            schema = Schema.parse(blob)
        except ProtocolError as error:
            self._end(error)
            return
        if schema.hash != self._wanted:
            text = f"the device's table has hash {schema.hash:08x}, its HELLO {self._wanted:08x}"
            self._end(ProtocolError(text))
            return
        KNOWN[schema.hash] = schema
        self._end(schema)

    def _end(self, outcome: Schema | BridgeError) -> None:
        if not self._ended:
            self._ended = True
            self._done(outcome)
