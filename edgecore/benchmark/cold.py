"""How much cold frames take: more than the caches hold, and no more than the memory has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

DEFAULT_CACHE_BYTES = 32 << 20
_TIMES = 4
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_MEMORY = Path("/proc/meminfo")
_OWN_CGROUPS = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")


def wanted_bytes() -> int:
    """Four times the last-level cache: frames that take so much come from memory."""
    return _TIMES * last_level_cache_bytes()


@cache
def taken_bytes() -> int:
    """What cold frames take in this process: `wanted_bytes`, at most a quarter of the memory."""
    return min(wanted_bytes(), available_bytes() // 4)


def shortfall() -> str | None:
    """For people, in one line: that cold frames are none here; None: they are."""
    if taken_bytes() == wanted_bytes():
        return None
    return (
        f"cold frames would take {wanted_bytes() / 1e6:,.0f} MB, four times the last-level cache; "
        f"these took {taken_bytes() / 1e6:,.0f} MB, a quarter of the memory available, and are "
        "called warm"
    )


def last_level_cache_bytes() -> int:
    """As the kernel tells it; DEFAULT_CACHE_BYTES where it does not."""
    sizes = []
    for path in _CACHES.glob("index*/size"):
        text = path.read_text().strip()
        unit = {"K": 1 << 10, "M": 1 << 20}.get(text[-1:], 1)
        digits = text.rstrip("KM")
        if digits.isdecimal():
            sizes.append(int(digits) * unit)
    return max(sizes, default=DEFAULT_CACHE_BYTES)


def available_bytes() -> int:
    """Memory that may be taken without swapping, or the limit of this process's control groups
    where that is less."""
    lines = (line.split() for line in _MEMORY.read_text().splitlines())
    available = next(int(words[1]) << 10 for words in lines if words[0] == "MemAvailable:")
    return min([available, *_limits()])


def _limits() -> Iterator[int]:
    """Of the groups this process is in and those above them, of both versions."""
    for line in _OWN_CGROUPS.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, name = _CGROUPS, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = _CGROUPS / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(root):
                with contextlib.suppress(OSError, ValueError):  # "max" is no limit
                    yield int((folder / name).read_text())
