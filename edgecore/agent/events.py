"""The agent's diary: one JSON object a line, on disk before the next thing happens."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any


class EventLog:
    """Writes one line for every event; any thread may write.

    Every line has `event`, `t_ns` (CLOCK_MONOTONIC nanoseconds) and `time` (wall clock, UTC).

    Args:
        path: the file, emptied; its folder exists. None keeps the events until `open` is called.
        told: is called with every event after it is written.
    """

    def __init__(
        self, path: Path | None = None, told: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._kept: list[str] = []
        self._file: IO[str] | None = None
        self._closed = False
        if path is not None:
            self.open(path)

    def open(self, path: Path) -> None:
        """Write to this file from now on, first what was kept.

        Raises:
            OSError: it cannot be written.
        """
        with self._lock:
            self._file = path.open("w", encoding="utf-8")
            self._file.writelines(self._kept)
            self._file.flush()
            self._kept.clear()

    def write(self, event: str, **fields: Any) -> None:
        """One event; a field of None is written as null."""
        wall = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        record = {"event": event, "t_ns": time.monotonic_ns(), "time": wall, **fields}
        line = json.dumps(record, allow_nan=False) + "\n"
        with self._lock:
            if self._closed:
                return
            if self._file is None:
                self._kept.append(line)
            else:
                self._file.write(line)
                self._file.flush()
        self._told(record)

    def close(self) -> None:
        """Close the file; later events are not written."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
