"""What was asked and answered on a line, command by command.

On the wire the results of commands that wait together come whenever they do; and what a side has
not heard is said again, in a new session, too, if there is one with the same two ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from firmware_bridge.decoding import HELLO, REQUEST, RESULT, Reading
from firmware_bridge.download import CONTROL_CHANNEL
from firmware_bridge.pcapng import Direction

_UNDER_WAY = 1024
"""More than wait for an answer at a time, and by far fewer than ids go round in."""
_OTHER_WAY: dict[Direction | None, Direction | None] = {
    "to_device": "from_device",
    "from_device": "to_device",
    None: None,
}


class Exchange(NamedTuple):
    """A command and what came of it; None: it is not among the frames."""

    command: Reading | None = None
    result: Reading | None = None


def meaning(reading: Reading) -> tuple[object, ...]:
    """What a command or a result says, but for its numbers and times."""
    status = reading.head.get("status")
    return (reading.direction, reading.kind, reading.message, status, reading.records)


def exchanges(readings: Iterable[Reading]) -> Iterator[Exchange]:
    """Each command, once, in the order of asking; those for the table of messages are left out."""
    waiting: deque[_Open] = deque()
    by_id: dict[tuple[Direction | None, int], _Open] = {}
    boots: dict[Direction | None, int] = {}
    for reading in readings:
        frame = reading.frame
        if frame is None or reading.error is not None:
            continue
        if frame.kind == HELLO:
            boot_id = reading.head["boot_id"]
            if boots.setdefault(reading.direction, boot_id) != boot_id:
                yield from _all(waiting)
                by_id.clear()
                boots = {reading.direction: boot_id}
        if frame.kind not in (REQUEST, RESULT) or frame.channel == CONTROL_CHANNEL:
            continue
        asked = frame.kind == REQUEST
        key = (reading.direction if asked else _OTHER_WAY[reading.direction], reading.head["id"])
        known = by_id.get(key)
        if known is None or (asked and not _repeats(reading, known.command)):
            by_id.pop(key, None)  # so that the latest are last
            known = by_id[key] = _Open()
            waiting.append(known)
        if asked:
            known.command = known.command or reading
        else:
            known.result = known.result or reading
        while waiting and (waiting[0].result is not None or len(waiting) > _UNDER_WAY):
            yield waiting.popleft().exchange()
        while len(by_id) > _UNDER_WAY:
            del by_id[next(iter(by_id))]
    yield from _all(waiting)


class _Open:
    """A command whose result may still come."""

    def __init__(self) -> None:
        self.command: Reading | None = None
        self.result: Reading | None = None

    def exchange(self) -> Exchange:
        return Exchange(self.command, self.result)


def _repeats(reading: Reading, before: Reading | None) -> bool:
    return before is not None and meaning(reading) == meaning(before)


def _all(waiting: deque[_Open]) -> Iterator[Exchange]:
    while waiting:
        yield waiting.popleft().exchange()
