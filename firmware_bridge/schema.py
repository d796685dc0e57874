"""The table of messages that a device serves, and the numpy dtypes made from it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from keyword import iskeyword
from typing import Any

import numpy as np

from firmware_bridge._codec import crc32c
from firmware_bridge._link import schema_blob
from firmware_bridge.errors import ProtocolError

DEVICE_TIME = "t_us"
"""A field of this name is an instant on the device's clock."""
HOST_TIME = "t_ns"
"""The same instant on the host's, which records of a subscription carry."""

_DTYPES = {
    0x01: "<u1",
    0x02: "<u2",
    0x04: "<u4",
    0x08: "<u8",
    0x11: "<i1",
    0x12: "<i2",
    0x14: "<i4",
    0x18: "<i8",
    0x24: "<f4",
    0x28: "<f8",
}
_TEXT = 0x31
_OPTIONAL = 0x80
"""Bit of a field's code: the bytes of its default follow."""
_CHARS = dict(zip(_DTYPES.values(), "BHIQbhiqfd", strict=True))


@dataclass(frozen=True)
class FieldInfo:
    """One field of a record.

    Attributes:
        name: its name.
        dtype: numpy type of one element, little-endian; bytes of the whole length for text.
        offset: bytes from the start of the record.
        count: elements; 1 unless an array, and 1 for text.
        unit: unit of raw * scale, e.g. "m/s2"; empty: unitless.
        scale: value in `unit` = raw * scale.
        low, high: bounds of the raw value, both inclusive, or None: as the type.
        default: raw value that a record without the field means, for an array of each element,
            for text b""; None: the field is required.
    """

    name: str
    dtype: np.dtype[np.generic]
    offset: int
    count: int
    unit: str
    scale: float
    low: int | None
    high: int | None
    default: int | float | bytes | None = None

    def physical(self, raw: Any) -> Any:
        """The raw value of an element, or a list of them, in `unit`; text as text."""
        if isinstance(raw, list | tuple):
            return [self.physical(element) for element in raw]
        if isinstance(raw, bytes):
            return raw.decode("utf-8", "replace")
        if self.dtype == np.float32:
            raw = float(str(np.float32(raw)))
        return raw if self.scale == 1 else float(f"{raw * self.scale:.12g}")

    @property
    def end(self) -> int:
        """Bytes from the start of the record to the end of the field."""
        return self.offset + self.dtype.itemsize * self.count

    @property
    def layout(self) -> str:
        """What must never change of a released field, for people."""
        array = f"[{self.count}]" if self.count > 1 else ""
        unit = f" in {self.scale:g} {self.unit}".rstrip() if self.unit or self.scale != 1 else ""
        return f"{self.name} {self.dtype.str.lstrip('<|')}{array} at {self.offset}{unit}"

    @cached_property
    def bounds(self) -> tuple[int, int] | None:
        """Lowest and highest raw value of an integer field; None for others."""
        if self.dtype.kind not in "iu":
            return None
        if self.low is not None and self.high is not None:
            return self.low, self.high
        limits = np.iinfo(self.dtype)  # type: ignore[type-var]
        return int(limits.min), int(limits.max)


@dataclass(frozen=True)
class MessageInfo:
    """One message: its name, its place on the link, its fields."""

    name: str
    type: int
    channel: int
    size: int
    fields: tuple[FieldInfo, ...]

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        """The record as it is on the wire."""
        return np.dtype(
            {
                "names": [field.name for field in self.fields],
                "formats": [
                    (field.dtype, (field.count,)) if field.count > 1 else field.dtype
                    for field in self.fields
                ],
                "offsets": [field.offset for field in self.fields],
                "itemsize": self.size,
            }
        )

    @cached_property
    def packing(self) -> struct.Struct:
        """The same record for `struct`, fields in the table's order, which is the record's."""
        form, at = "<", 0
        for field in self.fields:
            form += "x" * (field.offset - at)
            if field.dtype.kind == "S":
                form += f"{field.dtype.itemsize}s"
            else:
                form += field.count * _CHARS["<" + field.dtype.str[1:]]
            at = field.offset + field.dtype.itemsize * field.count
        return struct.Struct(form + "x" * (self.size - at))

    def unpack(self, data: bytes) -> dict[str, Any]:
        """Raw values of a record by field: a longer one is cut, optional fields may be absent.

        Raises:
            ValueError: a required field is not wholly there.
        """
        record = np.frombuffer(data[: self.size].ljust(self.size, b"\0"), dtype=self.dtype)[0]
        values = dict(self.defaults)
        for field in self.fields:
            if field.end <= len(data):
                values[field.name] = record[field.name].tolist()
            elif field.default is None:
                raise ValueError(
                    f"{self.name}: expected {field.end} bytes up to {field.name}, got {len(data)}"
                )
        return {field.name: values[field.name] for field in self.fields}

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Raw values of the optional fields, by name: those a record without them means."""
        return {
            field.name: field.default if field.count == 1 else (field.default,) * field.count
            for field in self.fields
            if field.default is not None
        }

    def trimmed(self, record: bytes) -> bytes:
        """The record without its last optional fields, as far as they mean what absence means."""
        for start, absent in self._absences:
            if record[start:] != absent:
                break
            record = record[:start]
        return record

    @cached_property
    def _absences(self) -> list[tuple[int, bytes]]:
        """Where each optional field begins and the bytes that say as much as none; last first."""
        return [
            (field.offset, np.full(field.count, field.default, field.dtype).tobytes())
            for field in reversed(self.fields)
            if field.default is not None
        ]

    def field(self, name: str) -> FieldInfo:
        """The field of this name; KeyError names the message."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{self.name} has no field {name!r}")


class _Reader:
    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self.at = 0

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self._blob, self.at)
        self.at += struct.calcsize(form)
        return values

    def text(self) -> str:
        end = self._blob.index(0, self.at)
        value = self._blob[self.at : end].decode()
        self.at = end + 1
        return value

    def name(self) -> str:
        value = self.text()
        if not value.isidentifier() or iskeyword(value):
            raise ValueError(f"{value!r} is no name")
        return value


class Schema:
    """Every message of a device, by name and by type.

    Attributes:
        messages: in the device's order.
        by_name, by_type: the same, for looking up.
        hash: CRC-32C of the served bytes, as the device names it in its HELLO.
        blob: the served bytes.
    """

    def __init__(self, messages: tuple[MessageInfo, ...], blob: bytes) -> None:
        self.messages = messages
        self.by_name = {message.name: message for message in messages}
        self.by_type = {message.type: message for message in messages}
        self.hash = crc32c(blob)
        self.blob = blob

    @classmethod
    def parse(cls, blob: bytes) -> Schema:
        """The table from the bytes a device serves.

        Raises:
            ProtocolError: the bytes are cut short or contradict themselves.
        """
        try:
            reader = _Reader(blob)
            (count,) = reader.take("<B")
            messages = tuple(_message(reader) for _ in range(int(count)))
        except (struct.error, ValueError, KeyError, UnicodeDecodeError) as error:
            raise ProtocolError(f"the device's table of {len(blob)} bytes: {error}") from None
        schema = cls(messages, blob)
        if reader.at != len(blob) or len(schema.by_type) != len(messages):
            raise ProtocolError(
                f"the device's table: {count} messages should end it, but it has "
                f"{len(blob)} bytes of which they fill {reader.at}, or types repeat"
            )
        return schema


def _message(reader: _Reader) -> MessageInfo:
    kind, channel, fields, size = (int(value) for value in reader.take("<BBBH"))
    name = reader.name()
    info = MessageInfo(name, kind, channel, size, tuple(_field(reader) for _ in range(fields)))
    for field in info.fields:
        if field.end > size:
            raise ValueError(f"{name}.{field.name} ends past the record's {size} bytes")
    if info.dtype.itemsize != info.packing.size:
        raise ValueError(f"{name}: fields overlap")
    for before, after in pairwise(info.fields):
        if before.default is not None and after.default is None:
            raise ValueError(f"{name}: {after.name} is required, {before.name} before it is not")
    return info


def _field(reader: _Reader) -> FieldInfo:
    values = reader.take("<BHHfii")
    code, offset, count, low, high = (int(values[i]) for i in (0, 1, 2, 4, 5))
    optional, code = code & _OPTIONAL, code & ~_OPTIONAL
    default: int | float | bytes | None = None
    dtype = np.dtype(f"S{count}") if code == _TEXT else np.dtype(_DTYPES[code])
    if optional:
        (default,) = reader.take("<s" if code == _TEXT else "<" + _CHARS[_DTYPES[code]])
        default = b"" if code == _TEXT else default
    name, unit = reader.name(), reader.text()
    if name == HOST_TIME:
        raise ValueError(f"{name} is added by the host and cannot be a field")
    if count == 0:
        raise ValueError(f"{name} has no elements")
    if name == DEVICE_TIME and (code not in (0x04, 0x08) or count != 1):
        raise ValueError(f"{name} must be one unsigned integer of 4 or 8 bytes")
    if isinstance(default, int) and low < high and not low <= default <= high:
        raise ValueError(f"{name} is {default} where it is absent, out of its {low}..{high}")
    return FieldInfo(
        name=name,
        dtype=dtype,
        offset=offset,
        count=1 if code == _TEXT else count,
        unit=unit,
        scale=float(str(np.float32(values[3]))),  # 0.1, not the 0.10000000149 that it is
        low=low if low < high else None,
        high=high if low < high else None,
        default=default,
    )


COMPILED = Schema.parse(schema_blob())
"""The messages this package was built with."""
