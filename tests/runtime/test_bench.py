"""`edgecore bench` and what it times with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edgecore import isa
from edgecore.benchmark.race import Entrant, Race

ROOT = Path(__file__).resolve().parents[2]


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgecore.cli", "bench", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=110,
    )


def test_help_shows_examples(tmp_path: Path) -> None:
    done = bench(tmp_path, "--help")
    assert done.returncode == 0
    assert "edgecore bench --only heads" in done.stdout.partition("Examples")[2]


def test_a_run_leaves_table_json_and_plot(tmp_path: Path) -> None:
    done = bench(
        tmp_path,
        *("--only", "heads", "--only", "detection", "--seconds", "0.01"),
        *("--json", "bench.json", "--plot", "bench.png"),
    )
    assert done.returncode == 0, done.stderr
    assert "YOLOv8 int8" in done.stdout
    document: dict[str, Any] = json.loads((tmp_path / "bench.json").read_text())
    timed = document["results"]
    assert all(row["median_us"] > 0 and row["turns"] >= 1 for row in timed)
    assert {row["variant"] for row in timed if row["job"].startswith("YOLOv8 int8")} == set(
        isa.available()
    )
    assert {row["variant"] for row in timed if row["group"] == "detection"} == {
        "preprocess",
        "invoke",
        "postprocess",
    }
    with Image.open(tmp_path / "bench.png") as picture:
        assert picture.width > 800
        assert len(picture.getcolors(1 << 20)) > 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "pixels"], "--only: expected one of preprocess, NMS, heads, detection"),
        (["--engine", "onnx"], "--engine: expected auto, litert or tflite, got 'onnx'"),
        (["--plot", "nowhere/bench.png"], "--plot: nowhere: no such folder"),
        (["--model", "gone.tflite", "--only", "detection"], "gone.tflite"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = bench(tmp_path, *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_entrants_take_turns() -> None:
    order: list[str] = []

    @contextmanager
    def turn(name: str) -> Any:
        order.append(name)
        yield

    entrants = [
        Entrant(name, lambda _: time.sleep(0), lambda n=name: turn(n)) for name in ("a", "b")
    ]
    race = Race(entrants, [None], 0.01)
    del order[:]
    for _ in range(3):
        race.round()
    assert order == ["a", "b"] * 3
    assert {timing.turns for timing in race.timings().values()} == {3}


def test_many_inputs_are_met_in_turn_across_entrants() -> None:
    seen: list[int] = []
    race = Race([Entrant("a", seen.append), Entrant("b", seen.append)], range(5), 0.001)
    race.round()
    assert all((after - before) % 5 == 1 for before, after in pairwise(seen))


def test_one_that_takes_longer_than_its_share_runs_once() -> None:
    def spin(_: object) -> None:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass

    race = Race([Entrant("slow", spin)], [None], 0.01)
    for _ in range(5):
        race.round()
    assert race.timings()["slow"].turns == 1
