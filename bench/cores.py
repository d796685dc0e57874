"""What a second core gives a pipeline, by the wall's clock and by processor time.

    taskset -c 0,1 python -m bench.cores MODEL.tflite

Bare invokes on one thread and on two, a pipeline that prepares the next frame meanwhile, one that
does not, and two sources through one interpreter and through two, in turns of FRAMES frames. Where
others use the cores too, the wall's clock tells of them: then two streams on two interpreters are
to be held beside the two bare threads, and processor time tells what a pipeline adds to invokes.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import edgecore
from bench.gated import Gated
from edgecore.benchmark.machine import machine
from edgecore.engines import Engine

FRAMES = 6
ROUNDS = 8
WIDTH, HEIGHT = 1280, 720


def fetch(results: Iterator[Any], frames: int) -> None:
    """Take so many results."""
    for _ in range(frames):
        next(results)


class Turns(NamedTuple):
    """Milliseconds a frame in each round, by the wall's clock and of the processor."""

    wall: list[float]
    processor: list[float]


def in_turns(jobs: dict[str, Callable[[], object]]) -> dict[str, Turns]:
    """What each job took."""
    taken = {name: Turns([], []) for name in jobs}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            begun, used = time.perf_counter_ns(), time.process_time_ns()
            job()
            taken[name].wall.append((time.perf_counter_ns() - begun) / 1e6 / FRAMES)
            taken[name].processor.append((time.process_time_ns() - used) / 1e6 / FRAMES)
    return taken


def rates(file: Path, frame: edgecore.Frame) -> None:
    """Overlap beside bare invokes; two streams on one interpreter and on two."""
    with ExitStack() as stack:

        def running(sources: int, engines: int, overlap: bool | None) -> Callable[[], None]:
            gates = {str(number): Gated(frame) for number in range(sources)}
            detectors = [edgecore.Detector.from_file(file) for _ in range(engines)]
            pipeline = edgecore.Pipeline(gates, detectors, overlap=overlap)
            results = iter(stack.enter_context(pipeline))

            def job() -> None:
                for gate in gates.values():
                    gate.open(FRAMES // sources)
                fetch(results, FRAMES)

            return job

        bare = [edgecore.Detector.from_file(file).engine for _ in range(2)]

        def invoke(engine: Engine, frames: int) -> None:
            for _ in range(frames):
                engine.invoke()

        def invoke_both() -> None:
            other = threading.Thread(target=invoke, args=(bare[1], FRAMES // 2))
            other.start()
            invoke(bare[0], FRAMES // 2)
            other.join()

        taken = in_turns(
            {
                "bare invoke": lambda: invoke(bare[0], FRAMES),
                "bare invoke on two threads": invoke_both,
                "one stream, overlapped": running(1, 1, True),
                "one stream, not overlapped": running(1, 1, False),
                "two streams, one interpreter": running(2, 1, False),
                "two streams, two interpreters": running(2, 2, None),
            }
        )
    one, two = taken["bare invoke"], taken["bare invoke on two threads"]
    for name, each in taken.items():
        beside = [ratio(bare.wall, each.wall) for bare in (one, two)]
        added = ratio(each.processor, one.processor)
        print(
            f"{name:30} {min(each.wall):7.2f} {statistics.median(each.wall):7.2f} ms, rate x "
            f"{beside[0]:5.3f} of one thread's, x {beside[1]:5.3f} of two; "
            f"processor time x {added:5.3f}"
        )


def ratio(these: list[float], those: list[float]) -> float:
    """Median over the rounds."""
    return statistics.median(a / b for a, b in zip(these, those, strict=True))


def main(model: str) -> None:
    file, dice = Path(model), np.random.default_rng(1)
    nv12 = dice.integers(0, 256, (HEIGHT * 3 // 2, WIDTH), np.uint8)
    frame = edgecore.Frame(nv12, WIDTH, HEIGHT)
    print(
        f"{machine()}; {file.name}; {ROUNDS} turns of {FRAMES} frames of 720p NV12; "
        "ms a frame by the wall's clock: least, median"
    )
    rates(file, frame)


if __name__ == "__main__":
    main(sys.argv[1])
