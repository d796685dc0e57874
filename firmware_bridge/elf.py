"""Sections of a program file (System V ABI, "Object Files"): little-endian ELF of 32 or 64 bits."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_HEADERS = {1: struct.Struct("<16sHHIIIIIHHHHHH"), 2: struct.Struct("<16sHHIQQQIHHHHHH")}
_SECTIONS = {1: struct.Struct("<10I"), 2: struct.Struct("<IIQQQQIIQQ")}
_NOTE = struct.Struct("<III")
_GNU_BUILD_ID = 3
_NO_BITS = 8


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int


def sections(data: bytes) -> dict[str, bytes]:
    """Content by name, of the sections that have some.

    Raises:
        ValueError: it is no such file, or is cut short.
    """
    if data[:4] != b"\x7fELF" or data[4:6] not in (b"\1\1", b"\2\1"):
        raise ValueError(f"expected a little-endian ELF file, got one that begins {data[:6]!r}")
    header = _HEADERS[data[4]]
    if len(data) < header.size:
        raise ValueError(f"expected an ELF header of {header.size} bytes, got {len(data)}")
    values = header.unpack_from(data)
    table, size, count, names = values[6], values[11], values[12], values[13]
    form = _SECTIONS[data[4]]
    if size != form.size or table + size * count > len(data) or names >= count:
        raise ValueError(f"expected {count} section headers at byte {table}, got {len(data)} bytes")
    rows = [_Section(*form.unpack_from(data, table + i * size)[:6]) for i in range(count)]
    texts = _content(data, rows[names])
    return {_text(texts, row.name): _content(data, row) for row in rows if row.kind != _NO_BITS}


def _content(data: bytes, row: _Section) -> bytes:
    if row.offset + row.size > len(data):
        raise ValueError(
            f"expected a section of {row.size} bytes at byte {row.offset}, got {len(data)} bytes"
        )
    return data[row.offset : row.offset + row.size]


def _text(texts: bytes, at: int) -> str:
    return texts[at:].partition(b"\0")[0].decode("utf-8", "replace")


def build_id(found: dict[str, bytes]) -> bytes | None:
    """What the linker's --build-id left in these sections."""
    for name, kind, content in _notes(found.get(".note.gnu.build-id", b"")):
        if (name, kind) == (b"GNU\0", _GNU_BUILD_ID):
            return content
    return None


def _notes(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    at = 0
    while at + _NOTE.size <= len(data):
        name, length, kind = _NOTE.unpack_from(data, at)
        at += _NOTE.size
        content = at + name + -name % 4
        yield data[at : at + name], kind, data[content : content + length]
        at = content + length + -length % 4
