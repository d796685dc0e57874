"""A pair of sessions with a key, and somebody between them who has none."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from firmware_bridge import codec
from firmware_bridge._link import Session
from firmware_bridge.events import Event, Opened, Received, Requested, Resolved, Unauthenticated

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
HELLO, STEP_US = 4, 500
KEYED, PROVEN, REQUIRED = 2, 4, 8

Attack = Callable[[bool, bytes], list[bytes]]
"""Given whether a frame goes down to the device, and its bytes on the wire: those that arrive."""


def honest(down: bool, frame: bytes) -> list[bytes]:
    return [frame]


class Taken(NamedTuple):
    """A frame off the wire."""

    kind: int
    channel: int
    sequence: int
    type: int
    payload: bytes


def taken_apart(wire: bytes) -> Taken:
    (frame,) = codec.Decoder().feed(wire)
    return Taken(frame.kind, frame.channel, frame.sequence, frame.type, frame.payload)


def put_together(frame: Taken, payload: bytes) -> bytes:
    return b"\0" + codec.encode(
        channel=frame.channel,
        type=frame.type,
        payload=payload,
        sequence=frame.sequence,
        kind=frame.kind,
    )


class Channel:
    """Both sessions on a line of whole frames; `attack` decides what becomes of each."""

    def __init__(
        self,
        *,
        host_key: bytes | None = KEY,
        device_key: bytes | None = KEY,
        host_required: bool = True,
        device_required: bool = True,
        open_types: bytes = b"",
        seed: int = 0,
    ) -> None:
        self.now_us = 1_000_000
        self.generator = random.Random(seed)
        self.attack: Attack = honest
        self.device_options: dict[str, Any] = {
            "key": device_key,
            "required": device_required,
            "open_types": open_types,
        }
        self.host_options: dict[str, Any] = {"key": host_key, "required": host_required}
        self.device_boot, self.host_boot = 100, 7
        self.boot_device()
        self.boot_host()
        self.executed: list[bytes] = []
        self.data: list[bytes] = []
        self.host_events: list[Event] = []
        self.device_events: list[Event] = []
        self.seen: dict[bool, list[bytes]] = {True: [], False: []}

    def boot_device(self) -> None:
        self.device_boot += 1
        self.device = Session(
            device=True,
            boot_id=self.device_boot,
            window=8,
            slot_bytes=64,
            now_us=self.now_us,
            **self.device_options,
        )

    def boot_host(self) -> None:
        self.host_boot += 1
        self.host = Session(
            device=False,
            boot_id=self.host_boot,
            seed=self.generator.randbytes(32),
            now_us=self.now_us,
            **self.host_options,
        )

    def _arriving(self, down: bool, data: bytes) -> bytes:
        frames = [b"\0" + piece + b"\0" for piece in data.split(b"\0") if piece]
        self.seen[down] += frames
        return b"".join(out for frame in frames for out in self.attack(down, frame))

    def step(self) -> None:
        self.now_us += STEP_US
        down = self._arriving(True, self.host.output(self.now_us))
        up = self._arriving(False, self.device.output(self.now_us))
        self.to_device(down)
        self.to_host(up)

    def to_device(self, data: bytes) -> None:
        for event in self.device.input(self.now_us, data):
            self.device_events.append(event)
            if isinstance(event, Requested):
                self.executed.append(event.payload)
                self.device.result(event.handle, 0, event.payload)
            elif isinstance(event, Received):
                self.data.append(event.payload)

    def to_host(self, data: bytes) -> None:
        events = self.host.input(self.now_us, data)
        self.host_events += events
        self.data += [event.payload for event in events if isinstance(event, Received)]

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 1e6 / STEP_US)):
            self.step()

    def run_until(self, condition: Callable[[], object], seconds: float = 20) -> None:
        until = self.now_us + round(seconds * 1e6)
        while not condition():
            assert self.now_us < until, "never happened"
            self.step()

    def open(self) -> Channel:
        self.run_until(lambda: self.host.open and self.device.open)
        return self

    def ask(self, payload: bytes, token: int, timeout_ms: int | None = None) -> None:
        assert self.host.request(self.now_us, 1, 1, payload, timeout_ms, token)

    def outcome(self, token: int, seconds: float = 20) -> Resolved:
        def found() -> list[Resolved]:
            return [e for e in self.host_events if isinstance(e, Resolved) and e.token == token]

        self.run_until(found, seconds)
        (only,) = found()
        return only

    def told(self) -> list[Event]:
        return [event for event in self.host_events if isinstance(event, Unauthenticated)]

    def openings(self) -> list[Event]:
        return [event for event in self.host_events if isinstance(event, Opened)]

    def refused(self) -> int:
        """Frames that the sessions did not believe."""
        return self.device.stats["errors"]["auth"] + self.host.stats["errors"]["auth"]
