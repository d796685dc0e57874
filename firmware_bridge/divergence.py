"""Where two recordings part: of a run and its repetition, or of two versions of a firmware.

`Divergence` and `differences` serve anything that is recorded and played again.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Generic, Literal, TypeVar

from firmware_bridge.conversation import exchanges, meaning
from firmware_bridge.decoding import Reading

Mode = Literal["strict", "lax"]
CONTEXT = 3
"""Pairs before the divergence that are kept."""

T = TypeVar("T")


@dataclass(frozen=True)
class Divergence(Generic[T]):
    """The first place where two recordings differ.

    Attributes:
        number: of the frame; of a link among those compared, from 0.
        left, right: what each has there; None: nothing, or it has ended.
        before: the pairs just before, which are alike.
        fields: what differs by its place, each with the value of both; None: one side has no such
            field.
    """

    number: int
    left: T | None
    right: T | None
    before: tuple[tuple[T, T], ...]
    fields: dict[str, tuple[Any, Any]]


def first_divergence(
    left: Iterable[Reading], right: Iterable[Reading], mode: Mode = "strict"
) -> Divergence[Reading] | None:
    """Compares frame by frame; None: they are alike to the end.

    Args:
        left, right: as `decoding.readings` has them.
        mode: "strict": every frame, both ways, by its bytes on the wire. "lax": what was asked and
            answered, each once and in the order of asking: commands with their fields, results with
            their status; numbers of sessions and requests, times and telemetry do not count.

    Raises:
        ValueError: another mode.
    """
    if mode not in ("strict", "lax"):
        raise ValueError(f"expected mode strict or lax, got {mode!r}")
    if mode == "lax":
        left, right = _told(left), _told(right)
    before: deque[tuple[Reading, Reading]] = deque(maxlen=CONTEXT)
    for number, (a, b) in enumerate(zip_longest(left, right)):
        if a is None or b is None or not _alike(a, b, mode):
            return Divergence(number, a, b, tuple(before), _differing(a, b))
        before.append((a, b))
    return None


def _told(readings: Iterable[Reading]) -> Iterator[Reading]:
    """Each command, once, in the order of asking, and its result behind it."""
    for exchange in exchanges(readings):
        yield from (each for each in exchange if each is not None)


def _alike(left: Reading, right: Reading, mode: Mode) -> bool:
    if mode == "strict":
        return (left.direction, left.data) == (right.direction, right.data)
    return meaning(left) == meaning(right)


def _differing(left: Reading | None, right: Reading | None) -> dict[str, tuple[Any, Any]]:
    if left is None or right is None:
        return {}
    return differences(_fields(left), _fields(right))


def differences(left: Any, right: Any, place: str = "") -> dict[str, tuple[Any, Any]]:
    """Every place where two values of JSON differ, such as `events[0].kind`, with both values.

    Numbers are compared as they are written: to the last bit.
    """
    ours, theirs = _children(left, place), _children(right, place)
    if type(left) is not type(right) or not isinstance(left, dict | list):
        same = json.dumps(left, default=str) == json.dumps(right, default=str)
        return {} if same else {place: (left, right)}
    found: dict[str, tuple[Any, Any]] = {}
    for name in ours | theirs:
        if name in ours and name in theirs:
            found |= differences(ours[name], theirs[name], name)
        else:
            found[name] = (ours.get(name), theirs.get(name))
    return found


def _children(value: Any, place: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return {f"{place}.{name}" if place else str(name): one for name, one in value.items()}
    if isinstance(value, list):
        return {f"{place}[{index}]": one for index, one in enumerate(value)}
    return {}


def _fields(reading: Reading) -> dict[str, Any]:
    """All that a frame says, by name; of a batch each record by its number."""
    fields = {"direction": reading.direction, "kind": reading.kind, "message": reading.message}
    fields.update(reading.head)
    for number, record in enumerate(reading.records):
        where = f"[{number}]" if len(reading.records) > 1 else ""
        fields.update({f"{name}{where}": value for name, value in record.items()})
    if reading.error is not None:
        fields["error"] = reading.error
    return fields
