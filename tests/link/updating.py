"""A host that updates the firmware in virtual time, over a line that has a pace and faults."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

from firmware_bridge._bulk import Sender
from firmware_bridge._link import Session
from firmware_bridge.events import Opened, Received, Resolved
from firmware_bridge.manifest import Manifest, make_manifest
from firmware_bridge.testing import Firmware, Flash, LossyChannel

BULK = 4
OFFER, FRAGMENT, REPORT = 0xF1, 0xF2, 0xF3
STATE, ACTIVATE, CONFIRM = 0xF5, 0xF6, 0xF7
RECEIVING, VERIFYING, DONE, ACTIVE = range(4)
(
    BAD_MANIFEST,
    UNKNOWN_NAME,
    TOO_LONG,
    ROLLBACK,
    BAD_SIGNATURE,
    NO_VERIFIER,
    NO_STORAGE,
    UNCONFIRMED,
    BAD_DIGEST,
    STORAGE_FAILED,
) = range(16, 26)
CONFIRMED, PENDING, TRIAL, REVERTED = range(4)
CHUNK = 64
SMALL = {"sector_bytes": 256, "sectors": 14, "unit_bytes": 8}
"""Room for images of 1280 bytes."""


def sign(message: bytes) -> bytes:
    """Stands for Ed25519 where only the path of a signature is tested."""
    return hashlib.sha512(b"the author's secret" + message).digest()


def verify(message: bytes, signature: bytes) -> bool:
    return signature == sign(message)


def manifest_of(image: bytes, version: int, **other: Any) -> Manifest:
    return make_manifest(image, version=version, sign=sign, **other)


class Bench:
    """Runs both ends tick by tick; everything the host hears collects in `events`."""

    def __init__(self, flash: Flash | None = None, *, tick_us: int = 500, **faults: Any) -> None:
        self.flash = flash
        self.firmware = Firmware(flash=flash)
        self.up, self.down = LossyChannel(**faults), LossyChannel(**faults)
        self.tick_us = tick_us
        pace = faults.get("bytes_per_s", 0)
        self.byte_ns = 10**9 // pace if pace else 0
        self.now_us = 0
        self.plugged = True
        self.events: list[Any] = []
        self.sender: Sender | None = None
        self._transfer = 0
        self._token = 0
        self.start_host()

    def start_host(self) -> None:
        """The host's process begins, or comes back with nothing in its memory."""
        self.host = Session(
            device=False,
            boot_id=1 + (999 + self.now_us) % 0xFFFFFFFF,
            slot_bytes=64,
            now_us=self.now_us,
        )
        self.sender = None

    def replug(self) -> None:
        self.plugged = True
        self.host.reopen(self.now_us)
        self.firmware.line_lost()

    def offer(self, image: bytes, manifest: Manifest) -> Sender:
        self._transfer += 1
        self.image, self.manifest = image, manifest
        self.sender = Sender(self._transfer, len(image), self.byte_ns)
        return self.sender

    def _bulk(self, events: list[Any]) -> None:
        if self.sender is None:
            return
        for event in events:
            if isinstance(event, Opened):
                self.sender.restart()
            elif isinstance(event, Received) and (event.channel, event.type) == (BULK, REPORT):
                self.sender.report(self.now_us, event.payload)
        while self.host.open:
            send = self.sender.next(self.now_us)
            if send is None:
                return
            head, offset, length = send
            if length:
                body = head + self.image[offset : offset + length]
                self.host.publish(BULK, FRAGMENT, body)
            else:
                self.host.publish(BULK, OFFER, head + self.manifest.pack())

    def tick(self) -> None:
        arrived = self.down.receive(self.now_us)
        events = self.host.input(self.now_us, arrived if self.plugged else b"")
        self.events += events
        self._bulk(events)
        while self.up.free_us < self.now_us + self.tick_us:
            data = self.host.output(self.now_us, CHUNK)
            if not data:
                break
            self.up.send(self.now_us, data)
        arrived = self.up.receive(self.now_us)
        self.firmware.feed(arrived if self.plugged else b"")
        self.firmware.advance(self.tick_us)
        self.down.send(self.now_us, self.firmware.take())
        self.now_us += self.tick_us

    def run_until(self, condition: Any, limit_s: float = 60.0) -> None:
        end_us = self.now_us + limit_s * 1e6
        while not condition():
            assert self.now_us < end_us, "the condition never held"
            self.tick()

    def connect(self) -> Bench:
        self.run_until(lambda: self.host.open and self.firmware.connected)
        return self

    def ask(self, type_: int, payload: bytes = b"", channel: int = BULK) -> int:
        self._token += 1
        assert self.host.request(self.now_us, channel, type_, payload, None, self._token)
        return self._token

    def outcome(self, token: int) -> Resolved | None:
        found = [e for e in self.events if isinstance(e, Resolved) and e.token == token]
        return found[0] if found else None

    def answer(self, type_: int, payload: bytes = b"") -> Resolved:
        token = self.ask(type_, payload)
        self.run_until(lambda: self.outcome(token) or self._dead())
        return self.outcome(token) or Resolved(token, 2, 0, b"")

    def _dead(self) -> bool:
        return self.flash is not None and self.flash.off

    def transfer(self, image: bytes, manifest: Manifest) -> int | None:
        """The status that ended it; None: the power failed."""
        sender = self.offer(image, manifest)
        self.run_until(lambda: sender.over or self._dead())
        return sender.status if sender.over else None

    def activate(self) -> bool:
        """Activates what the last transfer brought and waits for the next boot."""
        boot_id = self.firmware.boot_id
        answer = self.answer(ACTIVATE, struct.pack("<H", self._transfer))
        if answer.outcome != 0:
            return False
        self.run_until(lambda: self.firmware.boot_id != boot_id or self._dead())
        if self._dead():
            return False
        self.connect()
        return True

    def confirm(self, version: int) -> int:
        return self.answer(CONFIRM, struct.pack("<I", version)).status

    def install(self, image: bytes, version: int) -> None:
        """All of an update, which nothing disturbs."""
        assert self.transfer(image, manifest_of(image, version)) == DONE
        assert self.activate()
        assert self.confirm(version) == 0
