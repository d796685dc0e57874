"""The words of a firmware's log lines: its program file has them, the device has not.

`csrc/link/log.h` leaves file, line and format of each line in section `ec_log_strings`; a line
names its place in it, and the program by the beginning of its build id.
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from firmware_bridge.elf import build_id, sections

SECTION = "ec_log_strings"
_SEPARATOR = "\x1f"
_CONVERSION = re.compile(
    r"%(?:%|(?:[-0]*\d{0,2}(?=[uxXo])|[-+ 0]*\d{0,2}(?=[di])|-?\d{0,2}(?=c)"
    r"|[-+ 0]*\d{0,2}(?:\.\d{1,2})?(?=[eEfgG]))([diuxXoceEfgG]))"
)
"""What C and Python write alike."""


@dataclass(frozen=True)
class LogEntry:
    """What one place in the firmware says.

    Attributes:
        file, line: where.
        format: as in C.

    Raises (when made):
        ValueError: a conversion other than d i u x X o c e E f g G, with a length modifier, or of
            digits or flags that it does not take: docs/protocol.md, "Logs".
    """

    file: str
    line: int
    format: str

    def __post_init__(self) -> None:
        rest = _CONVERSION.sub("", self.format)
        if "%" in rest:
            raise ValueError(
                f"{self.file}:{self.line}: expected conversions such as %d %i %u %x %X %o %c %e %f "
                f"%g, without length modifiers, got {self.format!r}"
            )

    @property
    def conversions(self) -> str:
        """The letters of its conversions, one for each argument."""
        return "".join(_CONVERSION.findall(self.format))

    def text(self, words: Sequence[int]) -> str:
        """The line with these arguments, as they came: 32 bits each.

        Raises:
            ValueError: they are not as many as the format takes.
        """
        letters = self.conversions
        if len(words) != len(letters):
            raise ValueError(
                f"{self.format!r}: expected {len(letters)} arguments, got {len(words)}"
            )
        values = [_value(letter, word) for letter, word in zip(letters, words, strict=True)]
        return str(self.format % tuple(values))


def _value(letter: str, word: int) -> int | float | str:
    if letter in "eEfgG":
        (real,) = struct.unpack("<f", struct.pack("<I", word))
        return float(real)
    if letter in "di":
        return word - (word >> 31 << 32)
    return chr(word & 0xFF) if letter == "c" else word


class LogTable:
    """All places of one program that log.

    Attributes:
        build_id: of the program, as the linker made it.
        entries: by their place.
    """

    def __init__(self, build_id: bytes, entries: dict[int, LogEntry]) -> None:
        self.build_id = build_id
        self.entries = entries

    @property
    def build(self) -> int:
        """How log lines name the program."""
        return int.from_bytes(self.build_id[:4], "little")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> LogTable:
        """The table of a program file (ELF), or one that was saved.

        Raises:
            OSError: the file cannot be read.
            ValueError: it has no table, no build id, or is damaged.
        """
        data = Path(path).read_bytes()
        try:
            return cls._of_program(data) if data[:4] == b"\x7fELF" else cls.parse(data)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @classmethod
    def _of_program(cls, data: bytes) -> LogTable:
        found = sections(data)
        if SECTION not in found:
            raise ValueError(f"expected a section {SECTION}, got {', '.join(filter(None, found))}")
        build = build_id(found)
        if build is None or len(build) < 4:
            raise ValueError("no build id; link the program with -Wl,--build-id=sha1")
        entries = {}
        for piece in re.finditer(rb"[^\0]+", found[SECTION]):
            file, line, form = piece[0].decode("utf-8", "replace").split(_SEPARATOR, 2)
            entries[piece.start()] = LogEntry(file, int(line), form)
        return cls(build, entries)

    @classmethod
    def parse(cls, data: bytes) -> LogTable:
        """The table of what `dump` made.

        Raises:
            ValueError: it is none.
        """
        try:
            document = json.loads(data)
        except ValueError as error:
            raise ValueError(f"expected a program (ELF) or a table of log lines, {error}") from None
        try:
            if document["log_table"] != 1:
                raise ValueError(f"expected version 1, got {document['log_table']!r}")
            entries = {
                int(place): LogEntry(str(file), int(line), str(form))
                for place, (file, line, form) in document["entries"].items()
            }
            build = bytes.fromhex(document["build_id"])
            if len(build) < 4:
                raise ValueError(f"expected a build id of 4 bytes or more, got {build.hex()!r}")
            return cls(build, entries)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"no table of log lines: {error!r}") from None

    def dump(self) -> bytes:
        """The table as JSON."""
        entries = {
            str(place): [entry.file, entry.line, entry.format]
            for place, entry in sorted(self.entries.items())
        }
        document = {"log_table": 1, "build_id": self.build_id.hex(), "entries": entries}
        return json.dumps(document, indent=1).encode() + b"\n"


class LogTables:
    """The tables by which lines are read: those given, and of firmware that this program started.

    Raises (when made):
        OSError, ValueError: as of `LogTable.read`.
    """

    def __init__(self, given: Iterable[LogTable | str | os.PathLike[str]] = ()) -> None:
        tables = [each if isinstance(each, LogTable) else LogTable.read(each) for each in given]
        self._by_build = {table.build: table for table in tables}

    def add(self, table: LogTable) -> None:
        """Knows one more."""
        self._by_build[table.build] = table

    def include(self, others: LogTables) -> None:
        """Knows what these know."""
        self._by_build.update(others._by_build)

    def __iter__(self) -> Iterator[LogTable]:
        """Those given."""
        return iter(self._by_build.values())

    def find(self, build: int) -> LogTable | None:
        """The table of this program."""
        known = self._by_build.get(build)
        if known is None:
            known = next((table for table in offered() if table.build == build), None)
        return known


_offered: dict[Path, LogTable | None] = {}
"""Program files of firmware that this process may meet; None: not read yet."""


def offer(program: Path) -> None:
    """Log lines of this program may come."""
    _offered.setdefault(program, None)


def offered() -> list[LogTable]:
    """The tables of all programs offered; of a file that is gone or has none, nothing."""
    for path, table in list(_offered.items()):
        if table is None:
            try:
                _offered[path] = LogTable.read(path)
            except (OSError, ValueError):
                del _offered[path]
    return [table for table in _offered.values() if table is not None]


def offer_simulation() -> None:
    """The firmware that runs as a process is part of this package."""
    found = find_spec("firmware_bridge._sim")
    if found is not None and found.origin is not None:
        offer(Path(found.origin))


offer_simulation()
