"""What was done to a line, as JSON lines."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

_KEPT = 10_000


class Journal:
    """Entries with their time, kept and, once a file is given, written to it as long as that goes:
    a disk that is full, or a folder that is gone, ends no line.

    Each is `{"t_s": seconds of CLOCK_MONOTONIC, "fault": its name, ...}`. May be used from any
    thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._path: Path | None = None

    def begin(self, path: Path | None) -> None:
        """Forgets what was; entries from now on also go to that file, if one is given."""
        with self._lock:
            self._entries.clear()
            self._path = path

    def end(self) -> None:
        """Entries from now on go to no file: its folder may be gone before the line is."""
        with self._lock:
            self._path = None

    def write(self, fault: str, **facts: object) -> None:
        """Adds an entry."""
        entry = {"t_s": round(time.monotonic(), 6), "fault": fault, **facts}
        with self._lock:
            self._entries.append(entry)
            if self._path is not None:
                try:
                    with self._path.open("a") as file:
                        file.write(json.dumps(entry) + "\n")
                except OSError:
                    self._path = None

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The last ten thousand, oldest first."""
        with self._lock:
            return list(self._entries)
