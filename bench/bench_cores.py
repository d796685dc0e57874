"""What a pipeline leaves of the engine's rate, and what a second core gives it.

By the wall's clock, on all cores of the machine: where others use them too, `chrt -f 5` before the
command keeps them off, for a root. Bare invokes on one thread and on two, one stream and two go in
turns of FRAMES frames, of a stream after those that fill the pipeline; a figure is the median over
rounds of the rate as a part of the bare invokes' of the same round.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecore
from bench.bench_pipeline import HEIGHT, MODELS, WIDTH, percent, row
from bench.gated import Gated
from bench.targets import CORES
from edgecore.engines import Engine

FRAMES = 10
ROUNDS = 10


def in_turns(jobs: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Microseconds a frame that each job says it took, in each round."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS + 1):
        for name, job in jobs.items():
            taken[name].append(job())
    return {name: times[1:] for name, times in taken.items()}


def us_a_frame(job: Callable[[], object]) -> float:
    begun = time.perf_counter_ns()
    job()
    return (time.perf_counter_ns() - begun) / 1e3 / FRAMES


def invoke(engine: Engine, frames: int) -> None:
    for _ in range(frames):
        engine.invoke()


def invoke_both(one: Engine, other: Engine) -> None:
    thread = threading.Thread(target=invoke, args=(other, FRAMES // 2))
    thread.start()
    invoke(one, FRAMES // 2)
    thread.join()


def take(results: Iterator[Any], frames: int) -> None:
    for _ in range(frames):
        next(results)


def test_streams_on_all_cores(benchmark: Any, test_data: Path, all_cores: None, keep: Any) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core: bench_pipeline.py has what a frame costs there")
    file = test_data / "models" / MODELS["yolov8n int8 640"]
    nv12 = np.random.default_rng(1).integers(0, 256, (HEIGHT * 3 // 2, WIDTH), np.uint8)
    frame = edgecore.Frame(nv12, WIDTH, HEIGHT)
    with ExitStack() as stack:

        def running(sources: int, engines: int, overlap: bool | None) -> Callable[[], float]:
            gates = {str(number): Gated(frame) for number in range(sources)}
            detectors = [edgecore.Detector.from_file(file) for _ in range(engines)]
            pipeline = edgecore.Pipeline(gates, detectors, overlap=overlap)
            results = iter(stack.enter_context(pipeline))

            def job() -> float:
                for gate in gates.values():
                    gate.open(FRAMES // sources + 2)
                take(results, sources)
                taken = us_a_frame(lambda: take(results, FRAMES))
                take(results, sources)  # engines were busy to the end
                return taken

            return job

        one, other = (edgecore.Detector.from_file(file).engine for _ in range(2))
        streams = {
            "one stream": running(1, 1, None),
            "one stream, not overlapped": running(1, 1, False),
            "two streams, one interpreter": running(2, 1, None),
        }
        pairs = {"two streams, two interpreters": running(2, 2, None)}
        jobs: dict[str, Callable[[], float]] = {
            "bare invoke": lambda: us_a_frame(lambda: invoke(one, FRAMES)),
            "bare invoke, two threads": lambda: us_a_frame(lambda: invoke_both(one, other)),
            **streams,
            **pairs,
        }
        taken = benchmark.pedantic(in_turns, args=(jobs,), rounds=1)
    benchmark.group = CORES
    keep(row(CORES, "bare invoke", taken["bare invoke"], "yardstick"))
    gain = round(1e4 / percent(taken["bare invoke, two threads"], taken["bare invoke"]), 1)
    bare_pair = taken["bare invoke, two threads"]
    keep(row(CORES, "bare invoke, two threads", bare_pair, "yardstick", **{"% of one": gain}))
    for name in (*streams, *pairs):
        bare = taken["bare invoke, two threads" if name in pairs else "bare invoke"]
        rate = round(1e4 / percent(taken[name], bare), 2)
        keep(row(CORES, name, taken[name], "edgecore", **{"% of the bare rate": rate}))
