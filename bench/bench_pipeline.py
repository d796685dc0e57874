"""What a frame costs beside its `invoke`.

One core, processor time. Frames are images/bus.jpg as 1280 x 720 NV12, hot in cache. A round gives
bare invokes, then each implementation a few frames, so noise hits all alike; the figure is the
median over rounds of each one's time over the bare invokes' of the same round.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecore
from bench.harness import Row
from edgecore.synthetic import rgb_to_nv12

FRAMES = 3
ROUNDS = 30
PEERS = ("opencv_numpy", "ultralytics_tflite")
MODELS = {
    "yolov8n int8 640": "yolov8n_full_integer_quant.tflite",
    "yolox_nano float32 416": "yolox_nano.tflite",
}
SSD = "coco_ssd_mobilenet_v1_quant_metadata.tflite"
WIDTH, HEIGHT = 1280, 720


@pytest.fixture(scope="module")
def nv12(test_data: Path) -> np.ndarray:
    picture = Image.open(test_data / "images/bus.jpg").convert("RGB").resize((WIDTH, HEIGHT))
    return np.ascontiguousarray(rgb_to_nv12(np.asarray(picture)))


def in_turns(jobs: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Processor time, us a frame, of each job in each round; a job does FRAMES frames."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS + 1):
        for name, job in jobs.items():
            begun = time.process_time_ns()
            job()
            taken[name].append((time.process_time_ns() - begun) / 1e3 / FRAMES)
    return {name: times[1:] for name, times in taken.items()}


def repeated(call: Callable[[], object]) -> Callable[[], None]:
    def job() -> None:
        for _ in range(FRAMES):
            call()

    return job


def percent(times: list[float], bare: list[float]) -> float:
    """Median over rounds of the time as a part of the bare invokes' of the same round."""
    return 100 * statistics.median(t / b for t, b in zip(times, bare, strict=True))


def row(workload: str, name: str, times: list[float], role: str, **facts: float | str) -> Row:
    low, middle, high = statistics.quantiles(times, n=4)
    return Row(workload, name, middle, high - low, len(times), facts, role)


@pytest.mark.parametrize("model", MODELS)
def test_host_overhead(
    benchmark: Any, model: str, test_data: Path, nv12: np.ndarray, peers: Any, keep: Any
) -> None:
    file = test_data / "models" / MODELS[model]
    det = edgecore.Detector.from_file(file)
    frame = edgecore.Frame(nv12, WIDTH, HEIGHT)
    wanted = len(det.detect(frame))
    assert wanted > 0
    jobs: dict[str, Callable[[], object]] = {
        "bare invoke": repeated(det.engine.invoke),
        "edgecore": repeated(lambda: det.detect(frame)),
    }
    boxes = {"edgecore": wanted}
    for peer in peers("cameras", *PEERS) if "yolov8" in model else []:
        detect = peer.detector(file)
        boxes[peer.NAME] = detect(nv12)
        jobs[peer.NAME] = repeated(lambda detect=detect: detect(nv12))
    taken = benchmark.pedantic(in_turns, args=(jobs,), rounds=1)
    benchmark.group = workload = f"720p NV12 frame to detections beside invoke, {model}"
    for name, times in taken.items():
        if name == "bare invoke":
            keep(row(workload, name, times, "yardstick"))
            continue
        over = round(percent(times, taken["bare invoke"]) - 100, 2)
        role = "edgecore" if name == "edgecore" else "peer"
        keep(row(workload, name, times, role, **{"% over invoke": over}, boxes=boxes[name]))


def test_whole_frame_beside_mediapipe(
    benchmark: Any, test_data: Path, nv12: np.ndarray, peers: Any, keep: Any
) -> None:
    file = test_data / "models" / SSD
    det = edgecore.Detector.from_file(file)
    frame = edgecore.Frame(nv12, WIDTH, HEIGHT)
    jobs: dict[str, Callable[[], object]] = {
        "bare invoke": repeated(det.engine.invoke),
        "edgecore": repeated(lambda: det.detect(frame)),
    }
    boxes = {"edgecore": len(det.detect(frame))}
    for peer in peers("cameras", "mediapipe_tasks"):
        detect = peer.detector(file)
        boxes[peer.NAME] = detect(nv12)
        jobs[peer.NAME] = repeated(lambda detect=detect: detect(nv12))
    taken = benchmark.pedantic(in_turns, args=(jobs,), rounds=1)
    benchmark.group = workload = "720p NV12 frame to detections, coco_ssd uint8 300"
    for name, times in taken.items():
        if name == "bare invoke":
            keep(row(workload, name, times, "yardstick"))
            continue
        role = "edgecore" if name == "edgecore" else "peer"
        keep(row(workload, name, times, role, boxes=boxes[name]))
