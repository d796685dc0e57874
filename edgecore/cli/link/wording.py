"""How values, units and frames are written for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firmware_bridge.decoding import Reading
    from firmware_bridge.sealing import Seal

_IN_HEX = {"boot_id", "known_boot", "schema_hash"}
_ARROWS = {"from_device": "<", "to_device": ">", None: "-"}


def value_text(value: Any, unit: str = "") -> str:
    """A value with its unit: `9.81 m/s2`, `[1 2 3]`, `"text"`."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        text = f"[{' '.join(value_text(element) for element in value)}]"
    else:
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{text} {unit}".rstrip()


def fields_text(fields: dict[str, Any], units: dict[str, str]) -> str:
    """`name=value unit` for each field."""
    return "  ".join(
        f"{name}={value:#010x}"
        if name in _IN_HEX
        else f"{name}={value_text(value, units.get(name, ''))}"
        for name, value in fields.items()
    )


def seal_text(seal: Seal) -> str:
    """`sealed #12 0123456789abcdef, verified`."""
    verdict = {True: "verified", False: "not by this key", None: "not verified"}[seal.verified]
    return f"sealed #{seal.counter} {seal.tag.hex()}, {verdict}"


def reading_text(reading: Reading, begin_ns: int | None) -> str:
    """A frame as lines: when, which way, what; one more for each record of a batch."""
    words = [] if reading.t_ns is None else [f"{(reading.t_ns - (begin_ns or 0)) / 1e9:12.6f}"]
    words.append(_ARROWS[reading.direction])
    frame = reading.frame
    if frame is None:
        words += [f"damaged ({reading.error})", reading.data.hex(" ")]
        return " ".join(words)
    words += [f"{reading.kind:9}", f"{reading.channel:9}"]
    if frame.kind == 0:
        words.append(f"#{frame.sequence:<3}")
    if reading.head:
        words.append(fields_text(reading.head, reading.units))
    if reading.message is not None:
        words.append(reading.message)
    elif frame.kind in (0, 1, 2):
        words.append(f"type 0x{frame.type:02x}")
    if reading.error is not None:
        words.append(f"! {reading.error}: {reading.body.hex(' ')}")
    elif len(reading.records) == 1:
        words.append(fields_text(reading.records[0], reading.units))
    elif not reading.head and not reading.records and reading.body:
        words.append(reading.body.hex(" "))
    if reading.seal is not None:
        words.append(seal_text(reading.seal))
    lines = [" ".join(words)]
    if len(reading.records) > 1:
        lines += [f"    {fields_text(each, reading.units)}" for each in reading.records]
    return "\n".join(lines)
