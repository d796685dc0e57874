"""Whether a table of messages only grew: ``python -m firmware_bridge.evolution RECORD``.

Sides of different age understand each other as long as fields are only appended, optional ones at
that, and messages are only added. A record of the released table, a JSON file beside the sources,
holds the next one to it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from firmware_bridge.schema import COMPILED, FieldInfo, MessageInfo


def breaks(before: Iterable[MessageInfo], after: Iterable[MessageInfo]) -> list[str]:
    """Why sides with these two tables would misunderstand each other; empty: they would not.

    Args:
        before: as released.
        after: as it is to be.
    """
    now = {message.type: message for message in after}
    reasons = []
    for old in before:
        new = now.get(old.type)
        if new is None:
            reasons.append(f"{old.name}: type 0x{old.type:02x} was removed; keep it")
        elif new.name != old.name:
            reasons.append(
                f"{old.name}: type 0x{old.type:02x} became {new.name}; a type is never used again"
            )
        else:
            if new.channel != old.channel:
                reasons.append(f"{old.name}: channel {old.channel} became {new.channel}")
            reasons += [f"{old.name}: {reason}" for reason in _field_breaks(old, new)]
    names = {message.name: message.type for message in before}
    reasons += [
        f"{new.name}: type 0x{names[new.name]:02x} became 0x{new.type:02x}"
        for new in now.values()
        if names.get(new.name, new.type) != new.type
    ]
    return reasons


def _field_breaks(old: MessageInfo, new: MessageInfo) -> list[str]:
    reasons = [
        f"{was.name} was removed; fields are only appended" for was in old.fields[len(new.fields) :]
    ]
    for was, now in zip(old.fields, new.fields, strict=False):
        if was.layout != now.layout:
            reasons.append(f"{was.layout} became {now.layout}; fields are only appended")
            continue
        if was.default != now.default and was.default is not None:
            says = "required" if now.default is None else now.default
            reasons.append(f"{was.name}: its absence meant {was.default!r}, now {says!r}")
        if was.bounds and now.bounds:
            (low, high), (lower, higher) = was.bounds, now.bounds
            if lower > low or higher < high:
                reasons.append(
                    f"{was.name}: {low}..{high} became {lower}..{higher}, which is narrower"
                )
    reasons += [
        f"{added.name} was appended as a required field; "
        "an older side does not send it: use EC_OPTIONAL"
        for added in new.fields[len(old.fields) :]
        if added.default is None
    ]
    return reasons


def to_json(messages: Iterable[MessageInfo]) -> str:
    """The record: a message and its fields, a line each."""
    lines = []
    for message in messages:
        head = {"name": message.name, "type": message.type, "channel": message.channel}
        fields = ",\n".join(f"   {json.dumps(_spoken(field))}" for field in message.fields)
        lines.append(f' {json.dumps(head)[:-1]}, "fields": [\n{fields}]}}')
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _spoken(field: FieldInfo) -> dict[str, Any]:
    default = field.default.decode() if isinstance(field.default, bytes) else field.default
    return {
        "name": field.name,
        "dtype": field.dtype.str.lstrip("<|"),
        "offset": field.offset,
        "count": field.count,
        "unit": field.unit,
        "scale": field.scale,
        "low": field.low,
        "high": field.high,
        "default": default,
    }


def from_json(text: str) -> tuple[MessageInfo, ...]:
    """The table of a record.

    Raises:
        ValueError: it is no such record.
    """
    try:
        return tuple(_message(each) for each in json.loads(text))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no record of a table of messages: {error!r}") from None


def _message(spoken: dict[str, Any]) -> MessageInfo:
    fields = tuple(_field(each) for each in spoken["fields"])
    return MessageInfo(
        spoken["name"], spoken["type"], spoken["channel"], max(f.end for f in fields), fields
    )


def _field(spoken: dict[str, Any]) -> FieldInfo:
    dtype = np.dtype("<" + spoken["dtype"])
    default = spoken["default"]
    return FieldInfo(
        **{
            **spoken,
            "dtype": dtype,
            "default": default.encode() if isinstance(default, str) else default,
        }
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Compares and says what would break; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m firmware_bridge.evolution",
        description="Hold a table of messages to the released one.",
    )
    parser.add_argument("record", type=Path, metavar="RECORD", help="a JSON file")
    parser.add_argument("--device", metavar="URL", help="its table; default: this package's own")
    parser.add_argument(
        "--accept", action="store_true", help="write what was appended to the record, or begin one"
    )
    options = parser.parse_args(arguments)
    try:
        return _compare(options.record, options.device, options.accept)
    except (OSError, ValueError) as error:
        print(f"firmware_bridge.evolution: {error}", file=sys.stderr)
        return 2


def _compare(path: Path, device: str | None, accept: bool) -> int:
    messages = _served(device) if device else COMPILED.messages
    begins = accept and not path.exists()
    before = () if begins else from_json(path.read_text())
    reasons = breaks(before, messages)
    for reason in reasons:
        print(reason, file=sys.stderr)
    if reasons:
        return 1
    written = to_json(messages)
    if not begins and written == path.read_text():
        print(f"{path}: unchanged")
    elif accept:
        path.write_text(written)
        print(f"{path}: accepted")
    else:
        print(f"{path}: something was appended; accept it with --accept", file=sys.stderr)
        return 1
    return 0


def _served(url: str) -> tuple[MessageInfo, ...]:
    from firmware_bridge.link import connect

    with connect(url) as link:
        return link.schema.messages


if __name__ == "__main__":
    sys.exit(main())
