"""A log line as it is on the wire, docs/protocol.md, "Logs", and what it says."""

from __future__ import annotations

import struct
from typing import Literal, NamedTuple

from firmware_bridge.log_table import LogTables

LOG_CHANNEL = 3
LOG_LINE = 0xFA
"""Type of the frames."""
LOG_HEAD = struct.Struct("<IIQI")
LOG_ARGUMENTS_MAX = 6
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")
Level = Literal["debug", "info", "warning", "error"]


class LogLine(NamedTuple):
    """A line without its words.

    Attributes:
        build: beginning of the program's build id.
        number: of the line since boot, those that were dropped included.
        t_us: the device's clock.
        level: of LEVELS.
        token: place of its words in the program's table.
        words: the arguments, 32 bits each.
    """

    build: int
    number: int
    t_us: int
    level: Level
    token: int
    words: tuple[int, ...]

    @classmethod
    def parse(cls, body: bytes) -> LogLine:
        """The line of these bytes.

        Raises:
            ValueError: no line has so many.
        """
        words, odd = divmod(len(body) - LOG_HEAD.size, 4)
        if odd or not 0 <= words <= LOG_ARGUMENTS_MAX:
            raise ValueError(
                f"a log line has {LOG_HEAD.size} bytes and 4 for each of up to {LOG_ARGUMENTS_MAX} "
                f"arguments, got {len(body)}"
            )
        build, number, t_us, token = LOG_HEAD.unpack_from(body)
        arguments = struct.unpack_from(f"<{words}I", body, LOG_HEAD.size)
        return cls(build, number, t_us, LEVELS[token >> 30], token & 0x3FFFFFFF, arguments)

    def read(self, tables: LogTables) -> Words:
        """What it says; without its table, or where it does not fit, what came."""
        table = tables.find(self.build)
        entry = table.entries.get(self.token) if table is not None else None
        if entry is None:
            build = self.build.to_bytes(4, "little").hex()
            missing = "no table" if table is None else "no such line in the table"
            return Words(f"token {self.token:#x}{self._raw} ({missing} of build {build})")
        try:
            return Words(entry.text(self.words), entry.file, entry.line)
        except ValueError as error:
            return Words(f"{error}:{self._raw}", entry.file, entry.line)

    @property
    def _raw(self) -> str:
        return "".join(f" {word:#010x}" for word in self.words)


class Words(NamedTuple):
    """Text of a line, and where in the firmware it comes from; None: not known."""

    text: str
    file: str | None = None
    line: int | None = None
