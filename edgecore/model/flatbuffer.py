"""A flatbuffer reader in which no offset is followed before it is checked.

The generated readers trust the file: a hostile offset sends them round the buffer, and importing
them costs more than loading a model. A model needs tables, vectors, strings and scalars only.
"""

import mmap
import struct
from typing import TypeAlias

from edgecore.errors import ModelError

Buffer: TypeAlias = "bytes | mmap.mmap"

_SIZES = {"B": 1, "b": 1, "?": 1, "H": 2, "h": 2, "I": 4, "i": 4, "f": 4, "Q": 8, "q": 8}


class Table:
    """One table of a flatbuffer; fields are asked for by their number in the schema.

    Raises:
        ModelError: from every method, when an offset or length leads out of the buffer.
    """

    __slots__ = ("_data", "_position", "_vtable", "_vtable_size")

    def __init__(self, data: Buffer, position: int) -> None:
        self._data = data
        self._position = position
        self._vtable = position - _scalar(data, "i", position)
        self._vtable_size = _scalar(data, "H", self._vtable)

    @classmethod
    def root(cls, data: Buffer) -> "Table":
        """The table that the first four bytes of `data` point at."""
        return cls(data, _scalar(data, "I", 0))

    def check(self) -> None:
        """Return if all of the table and of its list of fields lies within the buffer."""
        size = _scalar(self._data, "H", self._vtable + 2)
        if self._vtable_size < 4 or self._vtable_size % 2:
            raise ModelError(f"damaged: a table lists its fields in {self._vtable_size} bytes")
        for start, length in ((self._vtable, self._vtable_size), (self._position, size)):
            if start + length > len(self._data):
                raise ModelError(
                    f"damaged: a table of {length} bytes at byte {start} does not fit into "
                    f"{len(self._data)} bytes"
                )
        count = self._vtable_size // 2 - 2
        offsets = struct.unpack_from(f"<{count}H", self._data, self._vtable + 4)
        if max(offsets, default=0) >= max(size, 1):
            raise ModelError(
                f"damaged: a table of {size} bytes at byte {self._position} has a field at its "
                f"byte {max(offsets)}"
            )

    def check_text(self, field: int) -> None:
        """Return if the string the field points at, if any, ends within the buffer with a zero."""
        position = self._target(field)
        if position is not None:
            start, count = _span(self._data, position, 1)
            if _scalar(self._data, "B", start + count):
                raise ModelError(f"damaged: the text at byte {start} does not end with a zero")

    def scalar(self, field: int, code: str, default: int = 0) -> int:
        """An integer of struct code `code`, or `default` where the field is absent."""
        position = self._field(field)
        return default if position is None else int(_scalar(self._data, code, position))

    def table(self, field: int) -> "Table | None":
        """The table the field points at, None where it is absent."""
        position = self._target(field)
        return None if position is None else Table(self._data, position)

    def text(self, field: int) -> str:
        """The string the field points at, "" where it is absent."""
        return self.raw(field).decode("utf-8", "replace")

    def raw(self, field: int) -> bytes:
        """The bytes of a byte vector or string, empty where it is absent."""
        start, count = self.span(field, 1)
        return bytes(self._data[start : start + count])

    def span(self, field: int, item_size: int) -> tuple[int, int]:
        """Where a vector of items of `item_size` bytes starts and how many it has, else 0, 0."""
        position = self._target(field)
        return (0, 0) if position is None else _span(self._data, position, item_size)

    def numbers(self, field: int, code: str) -> tuple[float, ...]:
        """The numbers of a vector whose items have struct code `code`."""
        start, count = self.span(field, _SIZES[code])
        return struct.unpack_from(f"<{count}{code}", self._data, start)

    def integers(self, field: int, code: str = "i") -> tuple[int, ...]:
        """As `numbers`, for an integer code."""
        return tuple(int(number) for number in self.numbers(field, code))

    def tables(self, field: int) -> "list[Table]":
        """The tables of a vector of tables."""
        start, count = self.span(field, 4)
        return [
            Table(self._data, position + _scalar(self._data, "I", position))
            for position in range(start, start + 4 * count, 4)
        ]

    def texts(self, field: int) -> list[str]:
        """The strings of a vector of strings."""
        start, count = self.span(field, 4)
        found = []
        for position in range(start, start + 4 * count, 4):
            at = position + _scalar(self._data, "I", position)
            first, size = _span(self._data, at, 1)
            found.append(bytes(self._data[first : first + size]).decode("utf-8", "replace"))
        return found

    def _field(self, field: int) -> int | None:
        slot = 4 + 2 * field
        if slot + 2 > self._vtable_size:
            return None
        offset = _scalar(self._data, "H", self._vtable + slot)
        return self._position + offset if offset else None

    def _target(self, field: int) -> int | None:
        position = self._field(field)
        return None if position is None else position + _scalar(self._data, "I", position)


def _span(data: Buffer, position: int, item_size: int) -> tuple[int, int]:
    count = _scalar(data, "I", position)
    start = position + 4
    if start + count * item_size > len(data):
        raise ModelError(
            f"damaged: a vector of {count} items of {item_size} bytes at byte {position} "
            f"does not fit into {len(data)} bytes"
        )
    return start, count


def _scalar(data: Buffer, code: str, position: int) -> int:
    if position < 0 or position + _SIZES[code] > len(data):
        raise ModelError(
            f"damaged: an offset points at byte {position} of a file of {len(data)} bytes"
        )
    value: int = struct.unpack_from(f"<{code}", data, position)[0]
    return value
