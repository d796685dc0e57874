"""A host's session and the firmware over two channels, in virtual time."""

import struct
from collections.abc import Callable
from typing import Any

from firmware_bridge._link import Session
from firmware_bridge.events import Received, Resolved
from firmware_bridge.testing import Firmware, LossyChannel

COMMAND, TELEMETRY, LOG = 1, 2, 3
ALERT, SET_OUTPUT, SUMMARY = 0x01, 0x02, 0x20
IMU, VEHICLE, STATUS = 0x40, 0x41, 0x42
LED, BUZZER = 0, 1
TICK_US = 1000


class Rig:
    """Runs both ends in ticks of a millisecond; events of the host collect in `events`."""

    def __init__(
        self,
        firmware: Firmware | None = None,
        *,
        alive: bool = True,
        window: int = 32,
        **faults: Any,
    ) -> None:
        self.firmware = firmware or Firmware()
        self.host = Session(device=False, boot_id=77, window=window, slot_bytes=64)
        self.up, self.down = LossyChannel(**faults), LossyChannel(**faults)
        self.now_us = 0
        self.alive = alive
        self.plugged = True
        self.events: list[Any] = []
        self._token = 0

    def tick(self) -> None:
        if self.alive and self.now_us % 100_000 == 0:
            self.host.keep_alive(self.now_us, 1000)
        arrived = self.down.receive(self.now_us)
        self.events += self.host.input(self.now_us, arrived if self.plugged else b"")
        self.up.send(self.now_us, self.host.output(self.now_us))
        arrived = self.up.receive(self.now_us)
        self.firmware.feed(arrived if self.plugged else b"")
        self.firmware.advance(TICK_US)
        self.down.send(self.now_us, self.firmware.take())
        self.now_us += TICK_US

    def run(self, duration_s: float) -> None:
        for _ in range(round(duration_s * 1e6 / TICK_US)):
            self.tick()

    def run_until(self, condition: Callable[[], bool], limit_s: float = 10.0) -> float:
        """Seconds until the condition held; fails after limit_s."""
        start_us = self.now_us
        while not condition():
            assert self.now_us - start_us <= limit_s * 1e6, "the condition never held"
            self.tick()
        return (self.now_us - start_us) / 1e6

    def connect(self) -> "Rig":
        self.run_until(lambda: self.host.open and self.firmware.connected)
        if self.alive:
            self.run_until(lambda: not self.firmware.safe)
        return self

    def ask(self, type_: int, payload: bytes, timeout_ms: int | None = None) -> int:
        """Queues a command; returns its token."""
        self._token += 1
        assert self.host.request(self.now_us, COMMAND, type_, payload, timeout_ms, self._token)
        return self._token

    def outcomes(self) -> dict[int, tuple[int, int]]:
        """Outcome and status by token."""
        return {e.token: (e.outcome, e.status) for e in self.events if isinstance(e, Resolved)}

    def status_of(self, type_: int, payload: bytes) -> int:
        """Has a command executed and returns the status of its RESULT."""
        token = self.ask(type_, payload)
        self.run_until(lambda: token in self.outcomes())
        return self.outcomes()[token][1]

    def alert(self, level: int, duration_ms: int = 1000, kind: int = 1) -> int:
        return self.status_of(ALERT, struct.pack("<BBH", kind, level, duration_ms))

    def set_output(self, output: int, value: int) -> int:
        return self.status_of(SET_OUTPUT, struct.pack("<BB", output, value))

    def records(self, type_: int) -> list[tuple[Any, ...]]:
        """All telemetry of this type so far."""
        layout = {IMU: "<Q6f", VEHICLE: "<Qf", STATUS: "<Q4BII"}[type_]
        payloads = [
            e.payload
            for e in self.events
            if isinstance(e, Received) and (e.channel, e.type) == (TELEMETRY, type_)
        ]
        return [record for payload in payloads for record in struct.iter_unpack(layout, payload)]

    def observe(self, read: Callable[[], bool], duration_s: float) -> float:
        """The share of time for which `read` was true."""
        seen = []
        for _ in range(round(duration_s * 1e6 / TICK_US)):
            self.tick()
            seen.append(read())
        return sum(seen) / len(seen)
