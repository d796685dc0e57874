"""How quick and how steady: a stranger's tests, again and again, from an empty folder.

    python -m tests.hil.repeat [--times 10]

Runs the three lines of docs/hil.md, twice, on `sim` and under QEMU, and where pytest-xdist is
installed over two workers; prints outcomes, times, and what of them the processor worked. The exit
status is 1 if any run failed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench import harness
from tests.hil.strangers import THREE_LINES, run, write

STRANGERS = ("-p", "no:hypothesispytest", "-p", "no:benchmark", "-p", "no:labgrid", "-W", "default")
"""Without plugins that only whoever works on this package has."""


def worked_s() -> float:
    """Of the processor, all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def row(name: str, times: int, *arguments: str) -> bool:
    took_s, failed = [], 0
    before_s = worked_s()
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), test_alert=THREE_LINES, test_again=THREE_LINES)
            begun_s = time.monotonic()
            done = run(Path(folder), *arguments)
            took_s.append(time.monotonic() - begun_s)
        if done.returncode != 0:
            failed += 1
            print(done.stdout)
    print(
        f"{name:12} {times - failed:3} of {times} runs passed; "
        f"{statistics.median(took_s):.1f} s median, {max(took_s):.1f} s longest, "
        f"{(worked_s() - before_s) / times:.1f} s of a core each"
    )
    return failed == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    times = parser.parse_args().times
    print(
        f"{harness.machine()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.0f}"
    )
    passed = [row(target, times, "--edge-target", target, *STRANGERS) for target in ("sim", "qemu")]
    if importlib.util.find_spec("xdist") is not None:
        for target in ("sim", "qemu"):
            arguments = ("-n", "2", "--edge-target", target, *STRANGERS)
            passed.append(row(f"{target} -n 2", times, *arguments))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
