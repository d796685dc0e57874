"""The agent's diary: one JSON object a line, on disk before the next thing happens."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any


class EventLog:
    """Appends to `path` (emptied at the start); any thread may write.

    Every line has `event`, `t_ns` (CLOCK_MONOTONIC nanoseconds) and `time` (wall clock, UTC).

    Args:
        path: the file; its folder exists.
        told: is called with every event after it is on disk.
    """

    def __init__(self, path: Path, told: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        self.path = path
        self._told = told
        self._lock = threading.Lock()
        self._file = path.open("w", encoding="utf-8")

    def write(self, event: str, **fields: Any) -> None:
        """One event; a field of None is written as null."""
        wall = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        record = {"event": event, "t_ns": time.monotonic_ns(), "time": wall, **fields}
        line = json.dumps(record, allow_nan=False) + "\n"
        with self._lock:
            if self._file.closed:
                return
            self._file.write(line)
            self._file.flush()
        self._told(record)

    def close(self) -> None:
        """Close the file; later events are not written."""
        with self._lock:
            self._file.close()
