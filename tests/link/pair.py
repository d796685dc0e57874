"""A host and a device session joined by a line in virtual time, seeded and lossy on demand."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable

from firmware_bridge import codec
from firmware_bridge._link import Session
from firmware_bridge.events import Event, Opened, Requested, Resolved

STEP_US = 500


def number(payload: bytes) -> int:
    return int.from_bytes(payload, "little")


def kinds(events: Iterable[Event]) -> list[type]:
    return [type(event) for event in events]


class Wire:
    """One direction: takes bytes, gives them back after a delay, less what noise took."""

    def __init__(self, generator: random.Random) -> None:
        self.generator = generator
        self.flip = self.drop = self.duplicate = 0.0
        self.delay_us = 0
        self.cut = False
        self.written = bytearray()
        self._flying: list[tuple[int, bytes]] = []

    def write(self, now_us: int, data: bytes) -> None:
        self.written += data
        if not data or self.cut:
            return
        if self.flip or self.drop or self.duplicate:
            data = b"".join(self._disturbed(byte) for byte in data)
        self._flying.append((now_us + self.delay_us, data))

    def _disturbed(self, byte: int) -> bytes:
        chance = self.generator.random
        if chance() < self.flip:
            byte ^= 1 << self.generator.randrange(8)
        if chance() < self.drop:
            return b""
        return bytes([byte, byte]) if chance() < self.duplicate else bytes([byte])

    def read(self, now_us: int) -> bytes:
        ready = b"".join(data for at, data in self._flying if at <= now_us)
        self._flying = [(at, data) for at, data in self._flying if at > now_us]
        return ready


class Pair:
    """Runs both sessions; the device answers by `answer`: status and payload, or None: never."""

    def __init__(self, seed: int = 0, *, window: int = 8, slot_bytes: int = 64) -> None:
        self.now_us = 1_000_000
        self.generator = random.Random(seed)
        self.down, self.up = Wire(self.generator), Wire(self.generator)
        self.window, self.slot_bytes = window, slot_bytes
        self.boot_id = 100
        self.device = self._boot()
        self.host = Session(device=False, boot_id=7, name="host", now_us=self.now_us)
        self.executed: list[Requested] = []
        self.answer: Callable[[Requested], tuple[int, bytes] | None] = lambda request: (
            0,
            request.payload,
        )
        self.host_events: list[Event] = []
        self.device_events: list[Event] = []

    def _boot(self) -> Session:
        return Session(
            device=True,
            boot_id=self.boot_id,
            name="device",
            version="1.0",
            window=self.window,
            slot_bytes=self.slot_bytes,
            now_us=self.now_us,
        )

    def reset_device(self) -> None:
        self.boot_id += 1
        self.device = self._boot()

    def step(self) -> None:
        self.now_us += STEP_US
        self.down.write(self.now_us, self.host.output(self.now_us, 200))
        self.up.write(self.now_us, self.device.output(self.now_us, 200))
        for event in self.device.input(self.now_us, self.down.read(self.now_us)):
            self.device_events.append(event)
            if isinstance(event, Requested):
                self.executed.append(event)
                answer = self.answer(event)
                if answer is not None:
                    assert self.device.result(event.handle, *answer)
        self.host_events += self.host.input(self.now_us, self.up.read(self.now_us))

    def run(self, seconds: float) -> None:
        until = self.now_us + round(seconds * 1e6)
        while self.now_us < until:
            self.step()

    def run_until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        until = self.now_us + round(seconds * 1e6)
        while not condition():
            assert self.now_us < until, "never happened"
            self.step()

    def open(self) -> Pair:
        self.run_until(lambda: self.host.open and self.device.open)
        return self

    def request(self, payload: bytes, token: int, timeout_ms: int | None = None) -> bool:
        return self.host.request(self.now_us, 1, 1, payload, timeout_ms, token)

    def outcome(self, token: int, seconds: float = 60) -> Resolved:
        def found() -> list[Resolved]:
            return [
                event
                for event in self.host_events
                if isinstance(event, Resolved) and event.token == token
            ]

        self.run_until(found, seconds)
        (only,) = found()
        return only

    def opens(self) -> list[Opened]:
        return [event for event in self.host_events if isinstance(event, Opened)]


def disturb(pair: Pair, flip: float = 0.0, drop: float = 0.0, duplicate: float = 0.0) -> None:
    for wire in (pair.down, pair.up):
        wire.flip, wire.drop, wire.duplicate = flip, drop, duplicate


def session_of(pair: Pair) -> int:
    """The number of the last session that the host knocked for."""
    hellos = [f.payload for f in codec.Decoder().feed(bytes(pair.down.written)) if f.kind == 4]
    (session,) = struct.unpack_from("<H", hellos[-1], 4)
    assert isinstance(session, int)
    return session
