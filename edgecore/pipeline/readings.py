"""What a governor looks at: the system's own temperature and load, the pipeline's own latency."""

from __future__ import annotations

import math
from collections import deque
from pathlib import Path

THERMAL = Path("/sys/class/thermal")
STAT = Path("/proc/stat")


def temperature_c(folder: Path = THERMAL) -> float | None:
    """The hottest thermal zone of the system, degrees Celsius; None where none can be read."""
    values = []
    for zone in folder.glob("thermal_zone*/temp"):
        try:
            values.append(int(zone.read_text()) / 1000)
        except (OSError, ValueError):
            continue
    return max(values, default=None)


class CpuPercent:
    """Share of all cores' time that was not idle since the call before, per cent.

    None at the first call, and where the system does not tell.
    """

    def __init__(self, file: Path = STAT) -> None:
        self._file = file
        self._before = self._times()

    def __call__(self) -> float | None:
        """See the class."""
        before, self._before = self._before, self._times()
        if before is None or self._before is None:
            return None
        busy, whole = (now - then for now, then in zip(self._before, before, strict=True))
        return 100.0 * busy / whole if whole > 0 else None

    def _times(self) -> tuple[int, int] | None:
        """Ticks busy, and ticks in all; user's include guests', idle ones waiting for disks."""
        try:
            words = self._file.read_text().split("\n", 1)[0].split()
            user, nice, system, idle, iowait, *rest = map(int, words[1:9])
        except (OSError, ValueError):
            return None
        busy = user + nice + system + sum(rest)
        return busy, busy + idle + iowait


class LatencyMs:
    """The age that 95 of 100 results since the call before did not exceed; None without results."""

    def __init__(self) -> None:
        self._ages_ms: deque[float] = deque(maxlen=1000)

    def note(self, age_ms: float) -> None:
        """One result, from any thread."""
        self._ages_ms.append(age_ms)

    def __call__(self) -> float | None:
        """See the class."""
        ages = sorted(self._ages_ms.popleft() for _ in range(len(self._ages_ms)))
        return ages[math.ceil(0.95 * len(ages)) - 1] if ages else None
