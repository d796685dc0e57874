"""The newest bytes of a link as a recording, for a recorder of the last seconds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from firmware_bridge import pcapng
from firmware_bridge.log_table import offered
from firmware_bridge.pcapng import Direction
from firmware_bridge.recording import Splitter
from firmware_bridge.schema import Schema

Traced = tuple[bool, int, bytes]
"""Whether it went to the device, CLOCK_MONOTONIC us, bytes."""


def recording(
    pieces: Iterable[Traced], *, lost: bool, url: str, device: dict[str, Any], schema: Schema
) -> Iterator[bytes]:
    """The blocks of a recording, which may be written one after the other.

    Args:
        pieces: as they were read and written, the oldest first.
        lost: whether there were older ones: then it begins, each way, behind the first delimiter.
        url, device: see `Recorder`.
        schema: the messages.
    """
    wall_ns = time.time_ns() - time.monotonic_ns()
    yield from pcapng.head(url, wall_ns, device)
    yield pcapng.table(schema)
    yield from map(pcapng.log_table, offered())
    splitters: dict[Direction, Splitter] = {"from_device": Splitter(), "to_device": Splitter()}
    begun = dict.fromkeys(splitters, not lost)
    for to_device, t_us, data in pieces:
        direction: Direction = "to_device" if to_device else "from_device"
        if not begun[direction]:
            _, delimiter, data = data.partition(b"\0")
            begun[direction] = bool(delimiter)
        for t_ns, piece in splitters[direction].feed(t_us * 1000, data):
            yield pcapng.packet(direction, t_ns + wall_ns, piece)
    for direction, splitter in splitters.items():
        for t_ns, piece in splitter.flush():
            yield pcapng.packet(direction, t_ns + wall_ns, piece)
