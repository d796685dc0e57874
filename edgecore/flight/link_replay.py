"""A flight's telemetry once more: out of the bytes of its link, and as its frames took it."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecore.errors import FlightError
from firmware_bridge.decoding import readings
from firmware_bridge.divergence import CONTEXT, Divergence, differences
from firmware_bridge.errors import RecordingError
from firmware_bridge.recording import Recording
from firmware_bridge.schema import DEVICE_TIME, HOST_TIME

from .file import has_link, read_lines
from .lines import table

Fields = dict[str, Any]


@dataclass(frozen=True)
class Received:
    """One record of telemetry.

    Attributes:
        frame: that took it.
        message: its name.
        fields: as they were on the wire, unscaled.
    """

    frame: int
    message: str
    fields: Fields


@dataclass(frozen=True)
class LinkReplay:
    """What came of the bytes.

    Attributes:
        records: of telemetry that the frames took and the bytes hold, alike to the last bit.
        divergence: the first that the bytes do not hold so; None: there is none.
    """

    records: int
    divergence: Divergence[Received] | None


def replay_link(path: Path) -> LinkReplay:
    """Decode the link's bytes by their own table of messages, and look up what each frame took.

    Where the bytes do not reach back to the beginning of a session, what was taken before the first
    record of a message in them is left out. A flight without bytes has nothing to compare.

    Args:
        path: of the flight.

    Raises:
        FlightError: it cannot be read.
    """
    if not has_link(path):
        return LinkReplay(0, None)
    try:
        recording = Recording(path)
        decoded, hello = _decoded(recording)
    except RecordingError as error:
        raise FlightError(str(error)) from None
    before: deque[tuple[Received, Received]] = deque(maxlen=CONTEXT)
    begun: set[str] = set()
    count = 0
    for taken in _taken(path):
        known = decoded[taken.message].get(taken.fields.get(DEVICE_TIME), [])
        if not known and hello is None and taken.message not in begun:
            continue
        begun.add(taken.message)
        found = next((one for one in known if not differences(taken.fields, one)), None)
        if found is None:
            tables = (hello, recording.schema.hash)
            fields = {} if hello in (None, 0, tables[1]) else {"schema_hash": tables}
            held = known[0] if known else None
            return LinkReplay(count, _parting(taken, held, tuple(before), fields))
        known.remove(found)
        before.append((taken, Received(taken.frame, taken.message, found)))
        count += 1
    return LinkReplay(count, None)


def _parting(
    taken: Received,
    held: Fields | None,
    before: tuple[tuple[Received, Received], ...],
    fields: dict[str, tuple[Any, Any]],
) -> Divergence[Received]:
    if held is None:
        return Divergence(taken.frame, taken, None, before, fields)
    theirs = Received(taken.frame, taken.message, held)
    return Divergence(taken.frame, taken, theirs, before, fields | differences(taken.fields, held))


def _taken(path: Path) -> list[Received]:
    found = []
    for number, line in enumerate(read_lines(path), 1):
        tables = line.get("records") if line.get("record") == "frame" else {}
        try:
            for name, batch in (tables or {}).items():
                names = [field for field, _ in batch["fields"]]
                found += [
                    Received(int(line["frame"]), name, _numbers(names, row))
                    for row in batch["rows"]
                ]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FlightError(f"{path}: line {number}: records: {error!r:.80}") from None
    return found


def _numbers(names: list[str], row: list[Any]) -> Fields:
    return {name: value for name, value in zip(names, row, strict=True) if name != HOST_TIME}


def _decoded(recording: Recording) -> tuple[dict[str, dict[Any, list[Fields]]], int | None]:
    """Records by message and device time; and the hash of its table by the device's HELLO, if one
    comes before them."""
    found: dict[str, dict[Any, list[Fields]]] = defaultdict(dict)
    hello: int | None = None
    for reading in readings(recording):
        if reading.direction != "from_device" or reading.error is not None:
            continue
        if reading.kind == "HELLO" and not found:
            hello = reading.head["schema_hash"]
        info = recording.schema.by_name.get(reading.message or "")
        if reading.kind != "DATA" or info is None or info.size == 0:
            continue
        body = reading.body
        body = body[: len(body) // info.size * info.size] or body.ljust(info.size, b"\0")
        batch = table(np.frombuffer(body, info.dtype))
        names = [name for name, _ in batch["fields"]]
        for row in batch["rows"]:
            fields = _numbers(names, list(row))
            found[info.name].setdefault(fields.get(DEVICE_TIME), []).append(fields)
    return found, hello
