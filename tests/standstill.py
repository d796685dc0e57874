"""Runs a command whose processes stand still now and then, as on a machine that others share.

    python -m tests.standstill [--one] [--seed N] pytest tests/hil ...

All of them at once, as where a virtual machine is paused; with --one, one of them while the others
run on, as where it gets no processor. What tests take for granted of time shows within minutes. The
kernel's control groups do it (version 2, as root), which signals and waits do not see. At the end
it says how often, and which processes the command left behind; those are ended. The exit status is
the command's.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

WITHIN_S = (2.0, 8.0)
"""Between the end of one and the beginning of the next."""
LASTS_S = (0.3, 1.5)
"""Firmware gives an agent up after less, and hosts their devices after about as much."""
_JOIN = 'echo $$ > "$0" && exec "$@"'


def mounted() -> Path | None:
    """Where control groups are; None where none can be made."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2" and os.access(where, os.W_OK):
            return Path(where)
    return None


class Group:
    """The processes of one command, and of any that they begin."""

    def __init__(self, root: Path) -> None:
        self._all = root / f"standstill-{os.getpid()}"
        self._one = self._all / "one"
        self._one.mkdir(parents=True)

    def start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["sh", "-c", _JOIN, self._all / "cgroup.procs", *command])

    @property
    def processes(self) -> list[int]:
        return [int(line) for line in (self._all / "cgroup.procs").read_text().split()]

    @contextlib.contextmanager
    def still(self, pid: int | None = None) -> Iterator[None]:
        """All of them, or that one, while it lasts."""
        if pid is None:
            group = self._all
        else:
            group = self._one
            _move(pid, group)
        freeze = group / "cgroup.freeze"
        freeze.write_text("1")
        try:
            yield
        finally:
            freeze.write_text("0")
            if pid is not None:
                _move(pid, self._all)

    def close(self) -> None:
        """End what is left of them."""
        (self._all / "cgroup.kill").write_text("1")
        while "populated 1" in (self._all / "cgroup.events").read_text():
            time.sleep(0.01)
        self._one.rmdir()
        self._all.rmdir()


def _move(pid: int, group: Path) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
        (group / "cgroup.procs").write_text(str(pid))


def ended(child: subprocess.Popen[bytes], within_s: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(within_s)
    return child.returncode is not None


def disturb(group: Group, child: subprocess.Popen[bytes], dice: random.Random, one: bool) -> int:
    """Until the child has ended; how many standstills there were."""
    for count in range(sys.maxsize):
        if ended(child, dice.uniform(*WITHIN_S)):
            return count
        pids = group.processes
        with group.still(dice.choice(pids) if one and pids else None):
            time.sleep(dice.uniform(*LASTS_S))
    raise AssertionError


def _named(pid: int) -> str:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        return f"{pid} {words.decode(errors='replace')}"
    return str(pid)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a command that stands still now and then.")
    parser.add_argument("--one", action="store_true", help="one process at a time, not all")
    parser.add_argument("--seed", type=int, default=1, help="of when and how long")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    root = mounted()
    if root is None or not options.command:
        parser.error("expected a command, and to be root where cgroup2 is mounted")
    group = Group(root)
    try:
        child = group.start(options.command)
        count = disturb(group, child, random.Random(options.seed), options.one)
        left = [_named(pid) for pid in group.processes]
    finally:
        group.close()
    print(f"{count} standstills of {'one process' if options.one else 'all'}, seed {options.seed}")
    if left:
        print("left behind:", *left, sep="\n    ")
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(main())
