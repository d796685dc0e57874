"""One direction of a bad line whose faults may change while bytes are under way; sans I/O."""

from __future__ import annotations

import random
from collections import Counter, deque

from firmware_bridge._noise import LossyChannel
from firmware_bridge.testing.profile import Profile

IN_FLIGHT_MAX = 32768
"""More is not taken: the sender waits."""
AHEAD_US = 2000
"""So far ahead of a paced line are bytes taken; the rest waits with the sender."""

LATE_US = 5000
"""So late is a receiver whose FIFO overruns."""


class BadLine:
    """Bytes in, and those that come out of a line of some profile, at their times.

    The same seed, profiles and bursts give the same line.

    Attributes:
        counts: bytes_in, bytes_out, bits_flipped, bytes_dropped, bytes_repeated, bytes_overrun,
            bytes_lost since it was made.
    """

    def __init__(self, profile: Profile, seed: int) -> None:
        self._random = random.Random(seed)
        self._profile = profile
        self._channels: deque[LossyChannel] = deque()
        self._ended: Counter[str] = Counter()
        self._strike: str | None = None
        self._late_until_us = 0
        self._late_until_lost = False
        self._fifo_room = 0
        self.change(profile)

    def change(self, profile: Profile) -> None:
        """From now on the line is so; what is under way arrives as it would have."""
        self._profile = profile
        self._channels.append(
            LossyChannel(
                bit_error=profile.bit_error,
                drop=profile.drop,
                duplicate=profile.duplicate,
                delay_us=round(profile.delay_ms * 1000),
                jitter_us=round(profile.jitter_ms * 1000),
                bytes_per_s=profile.baud // 10,
                seed=self._random.getrandbits(64),
            )
        )

    def strike(self, fault: str) -> None:
        """The next burst is hit: its middle bit "flip"ped, or it is "drop"ped, or comes twice
        ("duplicate"), or meets a receiver that is late until it has lost something ("overrun").
        """
        self._strike = fault

    def send(self, now_us: int, burst: bytes) -> None:
        """Puts one burst on the line at that time; times never go back."""
        for part in self._struck(now_us, burst):
            self._channels[-1].send(now_us, part)

    def _struck(self, now_us: int, burst: bytes) -> list[bytes]:
        fault, self._strike = self._strike, None
        self._late_until_lost |= fault == "overrun"
        if fault is None and self._random.random() < self._profile.overrun:
            fault = "overrun"
        if fault == "flip":
            self._ended["bits_flipped"] += 1
            at = len(burst) // 2
            return [burst[:at] + bytes([burst[at] ^ 0x10]) + burst[at + 1 :]]
        if fault == "drop":
            self._ended["bytes_dropped"] += len(burst)
            return []
        if fault == "duplicate":
            self._ended["bytes_repeated"] += len(burst)
            return [burst, burst]
        if fault == "overrun":
            self._late_until_us = now_us + LATE_US
            self._fifo_room = self._profile.fifo_bytes
        if now_us < self._late_until_us or self._late_until_lost:
            kept, lost = burst[: self._fifo_room], burst[self._fifo_room :]
            self._late_until_lost &= not lost
            self._fifo_room -= len(kept)
            self._ended["bytes_overrun"] += len(lost)
            return [kept]
        return [burst]

    def receive(self, now_us: int) -> bytes:
        """What has arrived by then and was not received yet."""
        data = self._channels[0].receive(now_us)
        while len(self._channels) > 1 and self._channels[0].next_us is None:
            self._ended.update(self._channels.popleft().counts)
            data += self._channels[0].receive(now_us)
        return data

    def lose(self) -> int:
        """All that is under way is lost; how many bytes."""
        lost = 0
        while (due_us := self.next_us) is not None:
            lost += len(self.receive(due_us))
        self._ended["bytes_out"] -= lost
        self._ended["bytes_lost"] += lost
        return lost

    @property
    def next_us(self) -> int | None:
        """When the next byte arrives; None: none is under way."""
        return self._channels[0].next_us

    def has_room(self, now_us: int) -> bool:
        """Whether the line takes another burst now."""
        ahead_us = self._channels[-1].free_us - now_us
        return ahead_us <= AHEAD_US and self._in_flight() < IN_FLIGHT_MAX

    def _in_flight(self) -> int:
        total = 0
        for channel in self._channels:
            counts = channel.counts
            total += counts["bytes_in"] + counts["bytes_repeated"] - counts["bytes_out"]
            total -= counts["bytes_dropped"] + counts["bytes_overrun"]
        return total

    @property
    def counts(self) -> Counter[str]:  # noqa: D102 - an attribute, described above
        total = Counter(self._ended)
        for channel in self._channels:
            total.update(channel.counts)
        return total
