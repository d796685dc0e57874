"""A recorded device plays its part again, to any host.

Bytes cannot be played as they were: session numbers, acknowledgements and clock exchanges belong to
the conversation of then. So the session's own core speaks for the device, under its name, boot id
and table of messages, and what is played is what it said: its telemetry and logs at their times,
and its answers to commands.
"""

from __future__ import annotations

import math
import secrets
import select
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from firmware_bridge._link import KEY_BYTES, Session
from firmware_bridge.conversation import exchanges
from firmware_bridge.decoding import DATA, Reading, readings
from firmware_bridge.doors import Door
from firmware_bridge.errors import RecordingError
from firmware_bridge.events import Opened, Requested, Status
from firmware_bridge.recording import Recording
from firmware_bridge.schema import DEVICE_TIME

_GRACE_US = 500_000
"""From the opening of the session to the first record: time for a host to subscribe."""
_CLOCK_FRAMES = 5000
"""So many frames say how the device's clock stood to the recorder's."""

_HEAD_BYTES = 6
"""Of a command's body and of a result's: docs/protocol.md, "A frame"."""
_TURN_US = 20_000
_LAST_US = 200_000
"""From the last record to the end: time for what is under way."""


class _Said(NamedTuple):
    t_us: int
    channel: int
    type: int
    payload: bytes


class Player:
    """The device's side of a recording, sans I/O: bytes and a clock in, bytes out.

    Its clock is the recorded device's, so records mean the same instants to a host as then. A
    command is answered as the recorded device answered the next one like it, or, where there is
    none, the next of its type; where the recording has no more of them, with BUSY.

    Attributes:
        session: the device's end of the link.
        start_us: the device's time at which playing can begin, us.
        played: frames of data so far.
        refused: commands for which the recording had no answer.

    Raises:
        RecordingError: the device says HELLO nowhere in it, and its head does not know it.
    """

    def __init__(self, recording: Recording, key: bytes | None = None) -> None:
        """`key`: of the link; it verifies what was recorded, and hosts must prove it."""
        self._key = key
        self._offset_us = device_offset_us(recording, key)
        self._said = self._data(recording)
        self._next = next(self._said, None)
        first_us = self._next.t_us if self._next else _GRACE_US
        self.start_us = max(0, first_us - _GRACE_US)
        self._answers = _Answers(_good(recording, key))
        self._shift_us: int | None = None
        self.played = 0
        self.refused = 0
        device = _hello(recording, key)
        self.session = Session(
            device=True,
            boot_id=device["boot_id"],
            name=device["name"],
            version=device["version"],
            schema=recording.schema.blob,
            now_us=self.start_us,
            key=key,
            seed=secrets.token_bytes(KEY_BYTES),
        )

    def _data(self, recording: Recording) -> Iterator[_Said]:
        """What the device published, in the device's time, which never goes back."""
        latest = 0
        for reading in _good(recording, self._key):
            frame = reading.frame
            if reading.direction == "from_device" and frame is not None and frame.kind == DATA:
                assert reading.t_ns is not None
                latest = max(latest, reading.t_ns // 1000 + self._offset_us)
                yield _Said(latest, frame.channel, frame.type, reading.body)

    @property
    def done(self) -> bool:
        """Whether all data has been played."""
        return self._next is None

    def input(self, now_us: int, data: bytes) -> None:
        """Takes bytes of the host, and the time."""
        for event in self.session.input(now_us, data):
            if isinstance(event, Opened) and self._shift_us is None:
                self._shift_us = now_us - self.start_us
            elif isinstance(event, Requested):
                self._answer(event)
        while (said := self._next) is not None and self._due_us(said) <= now_us:
            self.session.publish(said.channel, said.type, said.payload)
            self.played += 1
            self._next = next(self._said, None)

    def _due_us(self, said: _Said) -> float:
        """Never, before a host came."""
        return math.inf if self._shift_us is None else said.t_us + self._shift_us

    def _answer(self, request: Requested) -> None:
        answer = self._answers.take(request.type, request.payload)
        if answer is None:
            self.refused += 1
        self.session.result(request.handle, *(answer or (int(Status.BUSY), b"")))

    def output(self, now_us: int) -> bytes:
        """Bytes for the host."""
        return self.session.output(now_us)

    def reopen(self, now_us: int) -> None:
        """The host went away; another may come."""
        self.session.reopen(now_us)

    def due_us(self, now_us: int) -> float:
        """When to call again, us of the device's clock."""
        due = self.session.due(now_us)
        said = math.inf if self._next is None else self._due_us(self._next)
        return min(math.inf if due is None else due, said)


def play(player: Player, door: Door, over: threading.Event) -> None:
    """Speaks for the device at a door, once, in real time; ends with the recording or when told."""
    while not door.look():  # the device's clock begins with its first host
        if over.wait(0.02):
            return
    begin_us = time.monotonic_ns() // 1000 - player.start_us
    ended_us: int | None = None
    waiting = b""
    while not over.is_set():
        now_us = time.monotonic_ns() // 1000 - begin_us
        there = door.look()
        player.input(now_us, door.receive())
        if there and door.fd is None:
            player.reopen(now_us)
            waiting = b""
        waiting += player.output(now_us)
        waiting = waiting[door.send(waiting) :]
        if player.done and not waiting:
            ended_us = ended_us or now_us
            if now_us >= ended_us + _LAST_US:
                return
        _rest(door, min(player.due_us(now_us) - now_us, _TURN_US), writing=bool(waiting))


def _rest(door: Door, wait_us: float, *, writing: bool) -> None:
    """Until bytes come, the line takes more, or the time is up."""
    look = select.poll()
    if door.fd is not None:
        look.register(door.fd, select.POLLIN | (select.POLLOUT if writing else 0))
    if not writing or door.fd is None:
        look.poll(max(0.0, wait_us / 1000))
    else:
        look.poll(_TURN_US / 1000)


def _good(recording: Recording, key: bytes | None) -> Iterator[Reading]:
    for reading in readings(recording, key):
        if reading.frame is not None and reading.error is None:
            yield reading


def _hello(recording: Recording, key: bytes | None) -> dict[str, Any]:
    """What the device said of itself first, or, where it begins amid a session, before that."""
    for reading in _good(recording, key):
        if reading.direction == "from_device" and reading.kind == "HELLO":
            return reading.head
    device = recording.device
    boot_id = device.get("boot_id")
    named = all(isinstance(device.get(name), str) for name in ("name", "version"))
    if named and type(boot_id) is int and 0 < boot_id < 2**32:
        return device
    raise RecordingError(f"{recording.path}: the device never said HELLO in it")


def device_offset_us(recording: Recording, key: bytes | None = None) -> int:
    """Device time minus recorder time; the frame that was quickest says it best."""
    offsets = []
    for reading in islice(_good(recording, key), _CLOCK_FRAMES):
        if reading.direction != "from_device" or reading.t_ns is None:
            continue
        sent = reading.head.get("t3") if reading.kind == "PONG" else _latest(reading)
        if sent is not None:
            offsets.append(sent - reading.t_ns // 1000)
    return max(offsets, default=0)


def _latest(reading: Reading) -> int | None:
    return max((each.get(DEVICE_TIME, 0) for each in reading.records), default=0) or None


class _Answers:
    """Status and payload of the recorded results, each once."""

    def __init__(self, readings: Iterator[Reading]) -> None:
        self._answers: list[tuple[int, bytes] | None] = []
        self._by_type: dict[int, deque[int]] = defaultdict(deque)
        self._by_command: dict[tuple[int, bytes], deque[int]] = defaultdict(deque)
        for command, result in exchanges(readings):
            if result is None or result.frame is None or result.direction != "from_device":
                continue
            number = len(self._answers)
            self._answers.append((result.body[4], result.body[_HEAD_BYTES:]))
            self._by_type[result.frame.type].append(number)
            if command is not None:
                asked = result.frame.type, command.body[_HEAD_BYTES:]
                self._by_command[asked].append(number)

    def take(self, type: int, payload: bytes) -> tuple[int, bytes] | None:
        """The next for a command like this, or else for one of its type; None: there is none."""
        for numbers in (self._by_command[type, payload], self._by_type[type]):
            while numbers:
                number = numbers.popleft()
                answer, self._answers[number] = self._answers[number], None
                if answer is not None:
                    return answer
        return None
