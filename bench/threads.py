"""What a second thread saves: `Preprocessor(num_threads=2)` beside one thread, by the wall's clock.

    taskset -c 0,1 python -m bench.threads

Both take turns on workload (b) and on a 4K frame. Each thread is held to a core of its own, as a
scheduler with an idle core would have it. The minimum is what an idle second core gives; where
others keep that core busy, the caller does the work alone and the median says so.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from dataclasses import replace

import numpy as np

from edgecore import Preprocessor
from edgecore.benchmark.machine import machine
from edgecore.benchmark.pixels import WORKLOADS, frame_bytes

ROUNDS = 300
B = next(workload for workload in WORKLOADS if workload.key == "b")
FRAMES = {"1080p": B, "4K": replace(B, width=3840, height=2160)}


def spread_out(cores: list[int]) -> None:
    """This thread onto the first core, all others of the process onto the second."""
    mine = threading.get_native_id()
    for thread in map(int, os.listdir("/proc/self/task")):
        os.sched_setaffinity(thread, {cores[thread != mine]})


def main() -> None:
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("expected two cores to run on, got one")
    print(f"{machine()}; us a frame: minimum, median of {ROUNDS}")
    for name, workload in FRAMES.items():
        frame = workload.frame(frame_bytes(workload))
        out = np.empty((*workload.size, 3), workload.dtype)
        for interpolation in ("bilinear", "area"):
            options = workload.options(interpolation)
            plans = [Preprocessor(workload.size, num_threads=n, **options) for n in (1, 2)]
            spread_out(cores)
            taken: list[list[float]] = [[], []]
            for _ in range(ROUNDS):
                for plan, times in zip(plans, taken, strict=True):
                    start = time.perf_counter_ns()
                    plan(frame, out)
                    times.append((time.perf_counter_ns() - start) / 1e3)
            one, two = ((min(times), statistics.median(times)) for times in taken)
            print(
                f"{name} NV12 to 640x640 letterbox float32, {interpolation}: one thread "
                f"{one[0]:.0f}, {one[1]:.0f}; two {two[0]:.0f}, {two[1]:.0f}; "
                f"ratio {one[0] / two[0]:.2f}, {one[1] / two[1]:.2f}"
            )


if __name__ == "__main__":
    main()
