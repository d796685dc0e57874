"""Stands in the line between a device and its host, carries the bytes, and does to them what a bad
line does. A thread of its own; a clean line costs one more read and write on the way.
"""

from __future__ import annotations

import heapq
import os
import random
import select
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from itertools import count
from typing import Protocol

from firmware_bridge.doors import Door
from firmware_bridge.errors import BridgeConnectionError, BridgeError
from firmware_bridge.pcapng import Direction
from firmware_bridge.testing.bad_line import BadLine
from firmware_bridge.testing.journal import Journal
from firmware_bridge.testing.profile import CLEAN, Profile
from firmware_bridge.testing.wire import Wire
from firmware_bridge.transport import Port

_BURST_MAX = 512
_LONGEST_WAIT_S = 0.1
_LOOK_S = 0.005
"""How often a pty without a host, or a device that is off, is looked at."""
_FULL_LOOK_S = 0.001
"""And a line that took no more for a moment."""
_TO_HOST_MAX = 1 << 16
"""So much waits for a host that does not read; then the device has to."""
_REORDER_S = 1.0
"""How long bytes are held back for both directions to have some."""
_HITS = {"bits_flipped", "bytes_dropped", "bytes_repeated", "bytes_overrun"}
_SPIKE_BYTES = 24
"""Noise on the line when the supply dips."""


class Device(Protocol):
    """What the bridge needs of a target: its line, its reset button, its supply."""

    def open(self) -> Port:
        """The device's end of the line; BridgeConnectionError while there is none."""

    def reset(self) -> None:
        """The reset button."""

    def start(self) -> None:
        """The supply, on."""

    def stop(self) -> None:
        """The supply, off."""


class FaultBridge:
    """Carries bytes between a device and a door until closed.

    The device is found again whenever its line ends; the host's side is told nothing of that, as
    on a UART. Everything is done on the bridge's own thread, in order of its time.

    Attributes:
        url: where the host connects.
        wire: what came out of the line, at either end.
        journal: what was done to it.
        failure: an error of the device's rig while nobody waited, or what ended the bridge; None:
            there was none.
        profile: of the line, as it was last changed.
        absent: why the device's end cannot be had now; None: it can, or was not asked for yet.
    """

    def __init__(
        self,
        device: Device,
        make_door: Callable[[], Door],
        *,
        wire: Wire,
        journal: Journal,
    ) -> None:
        """Opens the door; `make_door` makes it anew, at the same place, after each unplugging."""
        self._device, self._make_door = device, make_door
        self.wire, self.journal = wire, journal
        self.failure: Exception | None = None
        self.absent: Exception | None = None
        self._door: Door | None = make_door()
        self.url = self._door.url
        self._port: Port | None = None
        self._looked_s = 0.0
        self._host_there = False
        self._lines: dict[Direction, BadLine] = {}
        self._pending: dict[Direction, bytes] = {"to_device": b"", "from_device": b""}
        self._held: dict[Direction, bytes] = {}
        self._unplug_for_s = 0.0
        self._turns: Counter[str] = Counter()
        self._late: dict[Direction, bytes] = {}
        self._stuck = self._cut_armed = False
        self._extra: Counter[str] = Counter()
        self._renew(0)
        self._asked: deque[Callable[[], None]] = deque()
        self._schedule: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._lock = threading.Lock()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="fault bridge", daemon=True)
        self._thread.start()

    def _renew(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.profile = CLEAN
        for direction in self._pending:
            self._lines[direction] = BadLine(CLEAN, self._random.getrandbits(64))

    # Orders: from any thread.

    def order(self, action: Callable[[], None]) -> None:
        """Has the bridge's thread do something; it is done on return.

        Raises:
            BridgeConnectionError: the bridge has ended; the text says why.
            Exception: what the action raised.
        """
        if threading.current_thread() is self._thread:
            action()
            return
        done = threading.Event()
        raised: list[Exception] = []

        def act() -> None:
            try:
                action()
            except Exception as error:
                raised.append(error)
            done.set()

        self._asked.append(act)
        os.eventfd_write(self._wake, 1)
        while not done.wait(_LONGEST_WAIT_S):
            if not self._thread.is_alive():
                raise BridgeConnectionError(f"the fault bridge has ended: {self.failure}")
        if raised:
            raise raised[0]

    def schedule(self, delay_s: float, action: Callable[[], None]) -> None:
        """Has the bridge's thread do something after so long, unless `calm` comes before."""
        with self._lock:
            due_s = time.monotonic() + delay_s
            heapq.heappush(self._schedule, (due_s, next(self._numbers), action))
        os.eventfd_write(self._wake, 1)

    @property
    def counts(self) -> dict[Direction, Counter[str]]:
        """Bytes in and out of each direction since the last `calm`, and what became of them."""
        return {direction: line.counts for direction, line in self._lines.items()}

    @property
    def extra(self) -> Counter[str]:
        """What was done besides: unplugs, reboots, bytes_cut, bytes_reordered, bytes_unheard."""
        return Counter(self._extra)

    def close(self) -> None:
        """Ends it; a second call does nothing."""
        if self._stop:
            return
        self._stop = True
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        os.close(self._wake)

    # What may be ordered: on the bridge's thread only.

    def calm(self, seed: int) -> None:
        """A new, clean line, plugged in; nothing is under way or still to come; counts are zero."""
        with self._lock:
            self._schedule.clear()
        self._renew(seed)
        self._pending = dict.fromkeys(self._pending, b"")
        self._held, self._late = {}, {}
        self._stuck = self._cut_armed = False
        self._extra.clear()
        self.failure = None
        self.plug()

    def change(self, profile: Profile) -> None:
        """Both directions are so from now on."""
        self.profile = profile
        for each in self._lines.values():
            each.change(profile)

    def last(
        self, fault: str, for_s: float | None, begin: Callable[[], None], end: Callable[[], None]
    ) -> None:
        """Begins a fault and ends it after so long, unless the same has begun again by then."""
        begin()  # where that fails, the one before still has its end
        self._turns[fault] += 1
        turn = self._turns[fault]

        def over() -> None:
            if self._turns[fault] == turn:
                end()

        if for_s is not None:
            self.schedule(for_s, over)

    def strike(self, direction: Direction, fault: str) -> None:
        """The next burst is hit, see BadLine.strike."""
        self._lines[direction].strike(fault)

    def unplug(self, for_s: float | None = None) -> None:
        """The host loses its port, for so long; what is under way is lost, and the device talks to
        nobody."""
        self.last("unplug", for_s, self._pull, self.plug)

    def _pull(self) -> None:
        if self._door is None:
            return
        self._door.close()
        self._door = None
        self._extra["unplugs"] += 1
        lost = sum(line.lose() for line in self._lines.values())
        lost += sum(map(len, self._pending.values()))
        self._pending = dict.fromkeys(self._pending, b"")
        self.journal.write("unplugged", bytes_lost=lost)

    def plug(self) -> None:
        """The host's port is there again."""
        if self._door is None:
            self._door = self._make_door()
            self.journal.write("plugged")

    def stick(self, for_s: float) -> None:
        """The device takes nothing for so long, and the host has to wait."""
        self.last(
            "stick", for_s, lambda: self._take_nothing(True), lambda: self._take_nothing(False)
        )

    def _take_nothing(self, stuck: bool) -> None:
        self._stuck = stuck
        self.journal.write("stuck" if stuck else "unstuck")

    def hold_back(self, off_s: float) -> None:
        """Bytes of both directions are held, the host is unplugged for so long, and what was held
        comes after the first bytes of the new connection."""
        self._held = dict.fromkeys(self._pending, b"")
        self._unplug_for_s = off_s
        self.schedule(_REORDER_S, self._held_enough)

    def _held_enough(self) -> None:
        if not self._held:
            return
        self._late, self._held = {way: data for way, data in self._held.items() if data}, {}
        self.unplug(self._unplug_for_s)

    def reboot(self) -> None:
        """The reset button."""
        self._device.reset()
        self._extra["reboots"] += 1
        self.journal.write("reboot")

    def arm_cut(self) -> None:
        """The next frame to the device is cut in its middle by a reset; its end goes to the next
        boot."""
        self._cut_armed = True

    def dip(self, off_s: float) -> None:
        """The supply fails for so long; the line spikes when it goes and when it comes."""
        self.last("dip", off_s, lambda: self._go_dark(off_s), self._recover)

    def _go_dark(self, off_s: float) -> None:
        self._device.stop()
        self._extra["brown_outs"] += 1
        self.journal.write("brown_out", off_s=off_s)
        self._spike()

    def _recover(self) -> None:
        self._spike()
        self._device.start()
        self.journal.write("power_back")

    def _spike(self) -> None:
        noise = self._random.randbytes(_SPIKE_BYTES)
        self._extra["bytes_spiked"] += len(noise)
        self._deliver("from_device", noise)

    def _switch(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self.failure = error
            self.journal.write("rig_failure", reason=str(error))

    # Carrying.

    def _run(self) -> None:
        try:
            while not self._stop:
                self._turn()
        except Exception as error:
            self.failure = error
        finally:
            self._drop_port()
            if self._door is not None:
                self._door.close()

    def _turn(self) -> None:
        self._do_due()
        self._look()
        ready = self._wait()
        self._take(ready)
        for direction in self._pending:
            self._carry(direction)
            self._push(direction)

    def _do_due(self) -> None:
        while self._asked:
            self._asked.popleft()()
        while True:
            with self._lock:
                if not self._schedule or self._schedule[0][0] > time.monotonic():
                    return
                _, _, action = heapq.heappop(self._schedule)
            self._switch(action)

    def _look(self) -> None:
        if self._port is None and time.monotonic() - self._looked_s >= _LOOK_S:
            self._looked_s = time.monotonic()
            try:
                self._port, self.absent = self._device.open(), None
            except (BridgeError, OSError) as error:
                self.absent = error
        there = self._door is not None and self._door.look()
        if there != self._host_there:
            self._host_there = there
            self.journal.write("host_came" if there else "host_left")

    def _wait(self) -> set[int]:
        look = select.poll()
        look.register(self._wake, select.POLLIN)
        now_us = time.monotonic_ns() // 1000
        wait_s = _LONGEST_WAIT_S
        door = self._door
        if door is not None and door.fd is not None:
            room = self._may_carry("to_device") and self._lines["to_device"].has_room(now_us)
            events = select.POLLIN if room else 0
            look.register(door.fd, events | (select.POLLOUT if self._pending["from_device"] else 0))
        elif door is not None and door.listening_fd is not None:
            look.register(door.listening_fd, select.POLLIN)
        elif door is not None:
            wait_s = _LOOK_S
        if self._port is not None:
            room = self._lines["from_device"].has_room(now_us)
            events = select.POLLIN if room else 0
            look.register(
                self._port.fd, events | (select.POLLOUT if self._pending["to_device"] else 0)
            )
        else:
            wait_s = _LOOK_S
        for direction, each in self._lines.items():
            if each.next_us is not None and self._may_carry(direction):
                wait_s = min(wait_s, (each.next_us - now_us) / 1e6)
            if not each.has_room(now_us):
                wait_s = min(wait_s, _FULL_LOOK_S)
        with self._lock:
            if self._schedule:
                wait_s = min(wait_s, self._schedule[0][0] - time.monotonic())
        found = look.poll(max(0, -(-int(wait_s * 1e6) // 1000)))
        if any(fd == self._wake for fd, _ in found):
            os.eventfd_read(self._wake)
        readable = select.POLLIN | select.POLLHUP | select.POLLERR
        return {fd for fd, event in found if event & readable}

    def _take(self, ready: set[int]) -> None:
        now_us = time.monotonic_ns() // 1000
        if self._door is not None and self._door.fd in ready:
            self._send("to_device", now_us, self._door.receive(_BURST_MAX))
        if self._port is not None and self._port.fd in ready:
            self._send("from_device", now_us, self._read_port())

    def _send(self, direction: Direction, now_us: int, burst: bytes) -> None:
        if not burst:
            return
        line = self._lines[direction]
        before = line.counts
        line.send(now_us, burst)
        hit = {name: after - before[name] for name, after in line.counts.items() if name in _HITS}
        if any(hit.values()):
            hit = {name: number for name, number in hit.items() if number}
            self.journal.write("hit", way=direction, bytes=len(burst), **hit)

    def _may_carry(self, direction: Direction) -> bool:
        """Whether the other end takes anything."""
        waiting = len(self._pending[direction])
        if direction == "from_device":
            return waiting < _TO_HOST_MAX
        return not waiting and not self._stuck

    def _carry(self, direction: Direction) -> None:
        if self._may_carry(direction):
            now_us = time.monotonic_ns() // 1000
            self._deliver(direction, self._lines[direction].receive(now_us))

    def _deliver(self, direction: Direction, data: bytes) -> None:
        if not data:
            return
        if self._held:
            self._held[direction] += data
            if all(self._held.values()):
                self._held_enough()
            return
        if self._late and self._host_there and direction in self._late:
            late = self._late.pop(direction)
            self._extra["bytes_reordered"] += len(late)
            self.journal.write("reordered", way=direction, bytes=len(late))
            data += late
        if self._cut_armed and direction == "to_device" and (at := _middle(data)) is not None:
            self._cut_armed = False
            self._cut(data[:at], data[at:])
            return
        self._queue(direction, data)

    def _queue(self, direction: Direction, data: bytes) -> None:
        if (self._port if direction == "to_device" else self._door) is None:
            self._extra["bytes_unheard"] += len(data)
            return
        self._pending[direction] += data
        self.wire.add(direction, time.monotonic_ns(), data)

    def _cut(self, first: bytes, rest: bytes) -> None:
        self._queue("to_device", first)
        self._push("to_device")
        self._pending["to_device"] = b""
        self._extra["reboots"] += 1
        self._extra["bytes_cut"] += len(rest)
        self.journal.write("reboot_in_frame", bytes_before=len(first), bytes_after=len(rest))
        self._switch(self._device.reset)
        self._queue("to_device", rest)

    def _push(self, direction: Direction) -> None:
        data = self._pending[direction]
        if not data:
            return
        if direction == "from_device":
            sent = len(data) if self._door is None else self._door.send(data)
        else:
            sent = len(data) if self._port is None else self._write_port(data)
        self._pending[direction] = data[sent:]

    def _write_port(self, data: bytes) -> int:
        assert self._port is not None
        try:
            return os.write(self._port.fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            self._drop_port()
            return len(data)

    def _read_port(self) -> bytes:
        assert self._port is not None
        try:
            data = os.read(self._port.fd, _BURST_MAX)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._drop_port()
        return data

    def _drop_port(self) -> None:
        if self._port is not None:
            self._port.close()
            self._port = None
            self.journal.write("device_gone")


def _middle(data: bytes) -> int | None:
    """Where the first frame in these bytes is cut in two; None: there is no frame of any length."""
    start = next((at for at, byte in enumerate(data) if byte), len(data))
    end = data.find(0, start)
    end = len(data) if end < 0 else end
    return (start + end) // 2 if end - start >= 4 else None
