"""The agent's diary: one JSON object a line, on disk before the next thing happens."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

KEPT_BYTES = 1 << 20
"""So much waits for a disk that is full; what comes after is lost, and counted."""


class EventLog:
    """Writes one line for every event; any thread may write.

    Every line has `event`, `t_ns` (CLOCK_MONOTONIC nanoseconds) and `time` (wall clock, UTC).
    A disk that is full stops nobody: the lines wait, and go out with the next ones that can.

    Args:
        path: the file, emptied; its folder exists. None keeps the events until `open` is called.
        told: is called with every event after it is written; see `follow`.

    Attributes:
        error: why the newest lines are not on disk; None when they are.
        lost: events dropped because too many waited already.
    """

    def __init__(
        self, path: Path | None = None, told: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> None:
        self.error: OSError | None = None
        self.lost = 0
        self._told = [told]
        self._lock = threading.Lock()
        self._kept = bytearray()
        self._fd: int | None = None
        self._closed = False
        if path is not None:
            self.open(path)

    def open(self, path: Path) -> None:
        """Write to this file from now on, first what was kept.

        Raises:
            OSError: it cannot be opened.
        """
        with self._lock:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
            self._write_kept()

    def follow(self, told: Callable[[dict[str, Any]], None]) -> None:
        """Call this too with every later event."""
        self._told.append(told)

    def write(self, event: str, **fields: Any) -> None:
        """One event; a field of None is written as null."""
        with self._lock:  # held for the time too: the lines lie in its order
            if self._closed:
                return
            wall = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
            record = {"event": event, "t_ns": time.monotonic_ns(), "time": wall, **fields}
            line = json.dumps(record, allow_nan=False).encode() + b"\n"
            if len(self._kept) + len(line) > KEPT_BYTES:
                self.lost += 1
            else:
                self._kept += line
            self._write_kept()
        for told in self._told:
            told(record)

    def _write_kept(self) -> None:
        """Write what waits, as far as the disk takes it."""
        if self._fd is None:
            return
        try:
            while self._kept:
                del self._kept[: os.write(self._fd, self._kept)]
        except OSError as error:
            self.error = error
        else:
            self.error = None

    def close(self) -> None:
        """Close the file; later events are not written."""
        with self._lock:
            self._closed = True
            if self._fd is not None:
                self._write_kept()
                os.close(self._fd)
                self._fd = None
