"""Messages as objects. Their layout and bounds come from the device's table, never from here."""

from __future__ import annotations

from dataclasses import dataclass, make_dataclass
from dataclasses import field as declared
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

from firmware_bridge.schema import COMPILED, FieldInfo, MessageInfo

_M = TypeVar("_M", bound="Message")


class Message:
    """A record to send: one attribute per field, checked against the table when made.

    Raises (when made):
        TypeError: a value of the wrong kind.
        ValueError: an integer outside the field's bounds, or text that is too long.
    """

    info: ClassVar[MessageInfo]
    _packed: bytes

    def __init_subclass__(cls, *, info: MessageInfo | None = None) -> None:
        cls.info = info if info is not None else COMPILED.by_name[cls.__name__]

    def __post_init__(self) -> None:
        values: list[Any] = []
        for field in self.info.fields:
            value = getattr(self, field.name)
            bounds = field.bounds
            # The ordinary case without the questions that only a mistake needs.
            if (
                type(value) is int
                and field.count == 1
                and bounds
                and bounds[0] <= value <= bounds[1]
            ):
                values.append(value)
            else:
                values += self._raw(field)
        packed = self.info.packing.pack(*values)
        object.__setattr__(self, "_packed", self.info.trimmed(packed))

    def _raw(self, field: FieldInfo) -> list[Any]:
        value = getattr(self, field.name)
        where = f"{self.info.name}.{field.name}"
        if field.dtype.kind == "S":
            if not isinstance(value, str | bytes):
                raise TypeError(f"{where} must be text, got {value!r}")
            text = value.encode() if isinstance(value, str) else value
            if len(text) > field.dtype.itemsize:
                raise ValueError(f"{where} holds {field.dtype.itemsize} bytes, got {len(text)}")
            return [text]
        elements = list(value) if field.count > 1 else [value]
        if len(elements) != field.count:
            raise ValueError(f"{where} has {field.count} elements, got {len(elements)}")
        for element in elements:
            if field.bounds is None:
                if isinstance(element, bool) or not isinstance(element, Real):
                    raise TypeError(f"{where} must be a number, got {element!r}")
            elif isinstance(element, bool) or not isinstance(element, Integral):
                raise TypeError(f"{where} must be an integer, got {element!r}")
            elif not field.bounds[0] <= int(element) <= field.bounds[1]:
                low, high = field.bounds
                raise ValueError(f"{where} must be in {low}..{high}, got {element}")
        return elements

    def pack(self) -> bytes:
        """The record as it goes on the wire: without optional fields at its end that say no more
        than their absence does."""
        return self._packed

    def pack_for(self, device: MessageInfo) -> bytes:
        """The record for a device whose table has this entry, older or newer than the message.

        Raises:
            ValueError: the device lays the record out otherwise, requires a field that the message
                lacks, or lacks a field whose value is not the one that its absence means.
        """
        ours, theirs = self.info.fields, device.fields
        for mine, its in zip(ours, theirs, strict=False):
            if mine.layout != its.layout:
                raise ValueError(
                    f"{device.name} is another on this device: its field {its.name} is "
                    f"{its.layout}, here {mine.name} is {mine.layout}"
                )
        needed = [field.name for field in theirs[len(ours) :] if field.default is None]
        if needed:
            raise ValueError(
                f"{device.name} also needs {', '.join(needed)} on this device; "
                f"use link.message({device.name!r})"
            )
        for field in ours[len(theirs) :]:
            raw = self._raw(field)
            if raw != [field.default] * len(raw):
                raise ValueError(
                    f"{device.name} has no {field.name} on this device, which is older; "
                    f"expected {field.default!r}, which its absence means, got {raw[0]!r}"
                )
        return self.pack()[: device.size]

    @classmethod
    def unpack(cls: type[_M], data: bytes) -> _M:
        """The message of these bytes: a longer record is cut, optional fields may be absent.

        Raises:
            ValueError: a required field is not wholly there, or a value is out of its bounds.
        """
        return cls(**cls.info.unpack(data))


@dataclass(frozen=True)
class Alert(Message):
    """Asks the firmware to warn the driver.

    Attributes:
        kind: what of: 1 forward collision, 2 following distance, 3 harsh driving, 4 zone, 5 dwell,
            6 line; the reference firmware refuses others.
        level: 0 to 3, the most urgent.
        duration_ms: how long to warn, ms.
        stamped: 1: the device answers when it was received and done, see `Stamps`.
    """

    kind: int
    level: int
    duration_ms: int = 1000
    stamped: int = 0


@dataclass(frozen=True)
class SetOutput(Message):
    """Sets an output directly: 0 is the LED, 1 the buzzer.

    Attributes:
        output: which.
        value: 0..255; 0 is off.
        stamped: as of `Alert`.
    """

    output: int
    value: int
    stamped: int = 0


@dataclass(frozen=True)
class DetectionSummary(Message):
    """What the camera sees, best effort.

    Attributes:
        frame: number of the frame.
        nearest_ttc_ms: time to collision with the nearest closing object, ms; 65535: none.
        count: objects.
    """

    frame: int
    nearest_ttc_ms: int = 0xFFFF
    count: int = 0


def message_class(info: MessageInfo) -> type[Message]:
    """A class for a message that this package was not built with; optional fields have defaults."""
    defaults = info.defaults
    made: Any = make_dataclass(
        info.name,
        [
            (each.name, Any, declared(default=defaults[each.name]))
            if each.name in defaults
            else (each.name, Any)
            for each in info.fields
        ],
        bases=(_Made,),
        frozen=True,
    )
    made.info = info
    return made  # type: ignore[no-any-return]


class _Made(Message, info=COMPILED.messages[0]):
    def __init_subclass__(cls) -> None:
        """`message_class` names the table's entry."""
