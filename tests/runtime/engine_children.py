"""The processes in which a process has its engines."""

import contextlib
from pathlib import Path

from edgecore.isolation import process


def engine_children(pid: int) -> set[int]:
    """Children that run a model, one of them as a spare.

    As the kernel lists them: psutil looks through all of /proc for them, of which an emulator that
    has a root of its own shows nothing.
    """
    found = set()
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread or the child ended meanwhile
            for child in listed.read_text().split():
                if process.CHILD in Path(f"/proc/{child}/cmdline").read_text().split("\0"):
                    found.add(int(child))
    return found
