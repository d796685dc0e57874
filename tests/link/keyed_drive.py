"""A recorded conversation of two sessions with a key; who stands between may change it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from firmware_bridge.recording import Recorder
from firmware_bridge.schema import COMPILED
from tests.link.attacker import Attack, Channel, honest

BEGIN_NS = 5_000_000_000_000
ALERT = struct.pack("<BBH", 1, 2, 1500)
Act = Callable[[Channel], None]


def converse(pair: Channel) -> None:
    """A command and telemetry."""
    pair.ask(ALERT, 1)
    pair.outcome(1)
    for number in range(5):
        pair.device.publish(2, 0x41, struct.pack("<Qf", pair.now_us, float(number)))
        pair.run(0.05)


def record(
    path: Path, pair: Channel, *acts: Act, attack: Attack = honest, authenticated: bool = False
) -> Path:
    """Writes what arrives at either end from now on, while these things are done."""
    device = {"name": "edgecore-reference", "version": "0", "authenticated": authenticated}
    with Recorder(path, url="virtual", device=device) as recorder:
        recorder.table(COMPILED)

        def seen(down: bool, frame: bytes) -> list[bytes]:
            arriving = attack(down, frame)
            for wire in arriving:
                direction = "to_device" if down else "from_device"
                recorder.add(direction, BEGIN_NS + pair.now_us * 1000, wire)  # type: ignore[arg-type]
            return arriving

        pair.attack = seen
        for act in acts:
            act(pair)
        pair.attack = honest
    return path


def opened(pair: Channel) -> None:
    pair.open()
