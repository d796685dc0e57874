"""An engine that dies: how long until the next detection, and what its own process costs a frame.

By the wall's clock, on all cores: parent, child and the spare that loads are three processes.
"""

import os
import signal
import statistics
import time
from pathlib import Path
from typing import Any

import pytest

import edgecore
from bench.conftest import Keep
from bench.harness import Row
from bench.targets import RECOVERY
from edgecore.benchmark import pixels
from edgecore.isolation import IsolatedDetector
from edgecore.synthetic import rgb_to_nv12

SIZE = (1280, 720)
DEATHS = 6
FRAMES = 60
ENDS = {"killed": signal.SIGKILL, "hung": signal.SIGSTOP}
COST = "720p NV12 frame to detections, yolov8n int8"


@pytest.fixture
def all_cores() -> Any:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    yield
    os.sched_setaffinity(0, before)


def test_next_detection(all_cores: None, test_data: Path, benchmark: Any, keep: Keep) -> None:
    width, height = SIZE
    frame = edgecore.Frame(rgb_to_nv12(pixels.picture(width, height)), width, height, "nv12")
    model = test_data / "models" / "yolov8n_full_integer_quant.tflite"
    direct = edgecore.Detector.from_file(model)
    taken: dict[str, list[float]] = {"Detector": [], "IsolatedDetector": []}
    waits: dict[str, list[float]] = {end: [] for end in ENDS}
    with IsolatedDetector(model) as isolated:

        def turn() -> None:
            for name, detector in (("Detector", direct), ("IsolatedDetector", isolated)):
                started = time.perf_counter()
                detector.detect(frame)
                taken[name].append((time.perf_counter() - started) * 1e6)

        turn()
        benchmark.pedantic(turn, rounds=FRAMES)
        for end, number in ENDS.items():
            for _ in range(DEATHS):
                isolated.detect(frame)
                time.sleep(2.0)  # the spare loads meanwhile, as it does between faults
                assert isolated.pid is not None
                os.kill(isolated.pid, number)
                started = time.perf_counter()
                with pytest.raises(edgecore.EngineError):
                    isolated.detect(frame)
                isolated.detect(frame)
                waits[end].append((time.perf_counter() - started) * 1e3)
    for name, samples in taken.items():
        keep(Row(COST, name, statistics.median(samples[1:]), rounds=FRAMES, role="edgecore"))
    for end, times in waits.items():
        facts: dict[str, float | str] = {"worst ms": round(max(times))}
        median = statistics.median(times) * 1e3
        keep(Row(RECOVERY, end, median, rounds=DEATHS, role="edgecore", facts=facts))
