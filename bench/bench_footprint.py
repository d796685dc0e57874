"""What edgecore costs beside the engine: time to import it, and memory once a model has run.

Each figure is the median over processes of their own, in turns.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.conftest import Keep
from bench.harness import Row
from bench.targets import IMPORT, RESIDENT

ROUNDS = 3
MODEL = "models/coco_ssd_mobilenet_v1_quant_metadata.tflite"


def measured(*arguments: str) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "bench.footprint", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def medians(jobs: dict[str, list[str]]) -> dict[str, float]:
    """Of each job, over ROUNDS rounds after one that fills the caches of modules."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS + 1):
        for name, arguments in jobs.items():
            taken[name].append(measured(*arguments))
    return {name: statistics.median(figures[1:]) for name, figures in taken.items()}


def peers() -> list[str]:
    return ["mediapipe"] if importlib.util.find_spec("mediapipe") else []


def test_import(benchmark: Any, keep: Keep) -> None:
    jobs = {name: [name] for name in ("edgecore", "edgecore.detector", *peers())}
    taken = benchmark.pedantic(medians, args=(jobs,), rounds=1)
    for name, ms in taken.items():
        role = "edgecore" if name.startswith("edgecore") else "peer"
        keep(Row(IMPORT, name, ms * 1e3, rounds=ROUNDS, role=role, facts={"ms": round(ms, 1)}))


def test_resident_memory(benchmark: Any, test_data: Path, keep: Keep) -> None:
    pytest.importorskip("ai_edge_litert")
    model = str(test_data / MODEL)
    jobs = {name: [name, model] for name in ("interpreter", "edgecore", *peers())}
    taken = benchmark.pedantic(medians, args=(jobs,), rounds=1)
    alone = taken.pop("interpreter")
    for name, mb in taken.items():
        role = "edgecore" if name == "edgecore" else "peer"
        facts: dict[str, float | str] = {"MB": round(mb, 1), "MB over it": round(mb - alone, 1)}
        keep(Row(RESIDENT, name, None, rounds=ROUNDS, role=role, facts=facts))
    facts = {"MB": round(alone, 1)}
    keep(Row(RESIDENT, "ai_edge_litert", None, rounds=ROUNDS, role="yardstick", facts=facts))
