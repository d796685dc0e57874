"""What the firmware logs, as records with their words."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware_bridge._carrier import LOGS, Inbox
from firmware_bridge.clock import Clock
from firmware_bridge.log_line import LEVELS, LOG_LINE, Level, LogLine
from firmware_bridge.log_table import LogTables
from firmware_bridge.schema import DEVICE_TIME, Schema
from firmware_bridge.stream import Stream

_logger = logging.getLogger("firmware_bridge.logs")


@dataclass(frozen=True)
class LogRecord:
    """One line.

    Attributes:
        level: "debug", "info", "warning" or "error".
        t_ns: when it was logged, CLOCK_MONOTONIC ns; when it came, as long as the clocks are not
            compared yet.
        t_us: the same on the device's clock; None: it did not say.
        text: its words; of a line whose program's table is not known, the token and arguments.
        file, line: where in the firmware; None: not known.
        missing: lines of this boot that should have come since the one before, and did not.
        token, words: as they came: place of the words in the program's table, and the arguments,
            32 bits each; None of a message of text.
    """

    level: Level
    t_ns: int
    t_us: int | None
    text: str
    file: str | None = None
    line: int | None = None
    missing: int = 0
    token: int | None = None
    words: tuple[int, ...] | None = None


class Logs(Stream[LogRecord]):
    """Log lines in order of arrival, and messages of the log channel that have a field `text`.

    At most `frames` are kept, of which the oldest go first and are counted.

    Attributes:
        malformed: frames that were no lines.
    """

    name = "the log"

    def __init__(self, inbox: Inbox, clock: Clock, tables: LogTables) -> None:
        super().__init__(inbox)
        self.malformed = 0
        self._clock = clock
        self._tables = tables
        self._schemas: dict[int, Schema] = {}
        self._kept: deque[LogRecord] = deque()
        self._next: int | None = None
        self._taking = threading.Lock()

    def bind(self, schema: Schema) -> None:
        """What comes from now on was sent under this table of messages."""
        self._schemas[schema.hash] = schema
        self._inbox.bind(LOGS, schema.hash)

    def read(self, timeout: float | None = 0.0) -> LogRecord | None:
        """The next line, or None; as of `Stream`."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._taking:
                for epoch, type, bodies, lengths, arrivals_us in self._inbox.take():
                    self._take(self._schemas.get(epoch), type, bodies, lengths, arrivals_us)
                if self._kept:
                    return self._kept.popleft()
            left = None if until is None else max(0.0, until - time.monotonic())
            if not self._inbox.wait(left):  # frames that are no lines do not end the waiting
                return None

    def _take(
        self,
        schema: Schema | None,
        type: int,
        bodies: bytes,
        lengths: npt.NDArray[np.uint16],
        arrivals_us: npt.NDArray[np.int64],
    ) -> None:
        at = 0
        for length, arrival_us in zip(lengths.tolist(), arrivals_us.tolist(), strict=True):
            body = bodies[at : at + length]
            at += length
            try:
                if type == LOG_LINE:
                    self._kept.append(self._of_line(LogLine.parse(body), arrival_us))
                elif schema is not None:
                    self._keep_text(schema, type, body, arrival_us)
            except ValueError:
                self.malformed += 1

    def _of_line(self, line: LogLine, arrival_us: int) -> LogRecord:
        expected = line.number if self._next is None else self._next
        reset = line.number < expected
        self._next = line.number + 1
        said = line.read(self._tables)
        return LogRecord(
            level=line.level,
            t_ns=self._host_ns(line.t_us, arrival_us),
            t_us=line.t_us,
            text=said.text,
            file=said.file,
            line=said.line,
            missing=line.number if reset else line.number - expected,
            token=line.token,
            words=line.words,
        )

    def _keep_text(self, schema: Schema, type: int, body: bytes, arrival_us: int) -> None:
        info = schema.by_type.get(type)
        if info is None or all(field.name != "text" for field in info.fields):
            return
        values = info.unpack(body)
        number = values.get("level")
        level = LEVELS[number] if isinstance(number, int) and 0 <= number < len(LEVELS) else "info"
        text = info.field("text").physical(values["text"])
        t_us = values.get(DEVICE_TIME)
        t_ns = self._host_ns(t_us, arrival_us)
        self._kept.append(LogRecord(level=level, t_ns=t_ns, t_us=t_us, text=str(text)))

    def _host_ns(self, t_us: int | None, arrival_us: int) -> int:
        offset_ns = self._clock.offset_ns
        known = t_us is not None and offset_ns is not None
        return t_us * 1000 - offset_ns if known else arrival_us * 1000  # type: ignore[operator]


def to_logging(record: LogRecord) -> None:
    """Hands a line to Python's logger "firmware_bridge.logs": a callback for `Link.logs`."""
    level = int(getattr(logging, record.level.upper()))
    where = f" [{record.file}:{record.line}]" if record.file is not None else ""
    lost = f" ({record.missing} lines missing before)" if record.missing else ""
    _logger.log(level, "%s%s%s", record.text, where, lost, extra={"t_ns": record.t_ns})
