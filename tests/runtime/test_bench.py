"""`edgecore bench` and what it times with."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from edgecore import isa
from edgecore.benchmark import plot, ring
from edgecore.benchmark.comparison import compare
from edgecore.benchmark.kept import Run, load
from edgecore.benchmark.race import Entrant, Race
from edgecore.benchmark.result import Result
from edgecore.errors import EdgecoreError
from tests.runtime.test_cli import edgecore, environment

ROOT = Path(__file__).resolve().parents[2]


def test_help_shows_examples(tmp_path: Path) -> None:
    done = edgecore(tmp_path, "bench", "--help")
    assert done.returncode == 0
    assert "edgecore bench --only heads" in done.stdout.partition("Examples")[2]


def test_a_run_leaves_table_json_and_plot(tmp_path: Path) -> None:
    done = edgecore(
        tmp_path,
        "bench",
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
        "whole",
    }
    assert all(row["low_us"] <= row["median_us"] <= row["high_us"] for row in timed)
    with Image.open(tmp_path / "bench.png") as picture:
        assert picture.width > 800
        assert len(picture.getcolors(1 << 20)) > 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "pixels"], "--only: expected one of preprocess, NMS, heads, detection"),
        (["--compare", "gone.json", "gone.json"], "gone.json: No such file"),
        (["gone.json"], "expected --compare before files of results, got gone.json without it"),
        (["--compare"], "--compare: expected two files"),
        (
            ["--compare", "--html", "page.html"],
            "--compare: expected files of results for --html, got",
        ),
        (["--compare", "no.json", "no.json"], "expected results that `edgecore bench --json`"),
        (["--compare", "tiny.json"], "of this device or of models, got those of --mlperf-tiny"),
        (["--engine", "onnx"], "--engine: expected auto, litert or tflite, got 'onnx'"),
        (["--only", "link", "--model", "m.tflite"], "--model: expected detection or invoke among"),
        (["--only", "link", "--engine", "litert"], "--engine: expected detection or invoke among"),
        (["--only", "NMS", "--accelerator", "npu"], "or invoke among --only, got NMS"),
        (["--plot", "nowhere/bench.png"], "--plot: nowhere: no such folder"),
        (["--json", "."], "--json: .: expected a file, got a folder"),
        (
            ["--only", "heads", "--seconds", "0.01", "--json", "/dev/full"],
            "--json: /dev/full: No space left on device",
        ),
        (["--model", "gone.tflite", "--only", "detection"], "gone.tflite"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "no.json").write_text("{}")
    (tmp_path / "tiny.json").write_text('{"benchmark": "mlperf-tiny"}')
    done = edgecore(tmp_path, "bench", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("only", [[], ["--only", "detection"], ["--only", "invoke"]])
def test_an_engine_asked_for_by_name_that_is_not_here_is_an_error(
    tmp_path: Path, missing_engine: str, only: list[str]
) -> None:
    done = edgecore(
        *(tmp_path, "bench", *only, "--engine", missing_engine),
        *("--json", "bench.json", "--seconds", "0.01"),
    )
    assert done.returncode == 1
    assert f"is not installed: pip install 'edgecore[{missing_engine}]'" in done.stderr
    assert "left out" not in done.stderr
    assert not (tmp_path / "bench.json").exists()


@pytest.mark.parametrize("more", [[], ["--accelerator", "external:/gone/also.so"]])
def test_accelerators_of_which_none_can_be_had_are_an_error(
    tmp_path: Path, more: list[str]
) -> None:
    gone = ["--accelerator", "external:/gone/library.so", *more]
    done = edgecore(tmp_path, "bench", "--only", "link", "--only", "invoke", *gone)
    assert done.returncode == 1
    for path in gone[1::2]:
        assert f"{path}: library missing" in " ".join(done.stderr.split())


def test_an_accelerator_that_cannot_be_had_is_left_out_beside_one_that_can(tmp_path: Path) -> None:
    done = edgecore(
        tmp_path,
        "bench",
        *("--only", "detection", "--seconds", "0.01"),
        *("--accelerator", "external:/gone/library.so", "--accelerator", "cpu"),
    )
    assert done.returncode == 0, done.stderr
    assert "detection on external:/gone/library.so is left out" in done.stderr.replace("\n", " ")


BENCH_WITH_A_SMALL_CACHE = """
from edgecore.benchmark import cold
from edgecore.cli import main

cold.last_level_cache_bytes = lambda: 1 << 20
main()
"""
"""Cold frames fill the cache four times; that of a server has hundreds of megabytes."""


def test_parts_that_need_an_engine_are_left_out_where_none_is_and_none_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("ai_edge_litert", "tflite_runtime"):  # found before the real ones
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('no such processor')")
    monkeypatch.setenv("EDGECORE_FORCE_ISA", "baseline")
    done = subprocess.run(
        [sys.executable, "-c", BENCH_WITH_A_SMALL_CACHE, "bench", "--seconds", "0.01"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for part in ("detection", "invoke"):
        assert f"{part} on cpu is left out" in done.stderr
    assert "YOLOv8 int8" in done.stdout
    asked = edgecore(tmp_path, "bench", "--only", "link", "--only", "invoke")
    assert asked.returncode == 1
    assert "no such processor" in asked.stderr


def test_the_model_by_threads_and_the_link_are_parts(tmp_path: Path) -> None:
    done = edgecore(
        tmp_path,
        "bench",
        *("--only", "invoke", "--only", "link", "--seconds", "0.01", "--html", "page.html"),
    )
    assert done.returncode == 0, done.stderr
    assert "1 thread" in done.stdout
    assert "request to sim: and back" in done.stdout
    assert "embedded model on" in (tmp_path / "page.html").read_text()


def test_the_ring_to_another_process_is_a_part(tmp_path: Path) -> None:
    done = edgecore(
        tmp_path, "bench", "--only", "ring", "--seconds", "0.01", "--json", "bench.json"
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "bench.json").read_text())["results"]
    jobs = {row["job"].rpartition(", ")[2]: row for row in rows if row["group"] == "ring"}
    assert jobs.keys() == {"in place", "copied"}
    assert all(0 < row["low_us"] <= row["median_us"] for row in jobs.values())
    assert all(row["turns"] >= 3 * ring.FEWEST for row in jobs.values())
    for name in jobs:
        assert f"1920x1080 NV12 to another process, {name}" in done.stdout


def test_a_reader_that_dies_is_told_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(EdgecoreError, match=r"ring: the reading process ended: .*no such socket"):
        ring._Reader(str(tmp_path / "nobody"))


def kept(folder: Path, name: str, machine: str = "board", **medians: float) -> Path:
    """A run whose passes lie 1 % apart; a row for each name, and a yardstick."""
    rows = [
        Result("group", job, "any", us, us / 100, 9, us * 0.99, us * 1.01)
        for job, us in {"yardstick": 100.0, **medians}.items()
    ]
    rows[0] = rows[0]._replace(group="yardsticks")
    path = folder / f"{name}.json"
    document = {"machine": machine, "date": "2026-01-01", "edgecore": "0.1.0"}
    path.write_text(json.dumps(document | {"results": [row._asdict() for row in rows]}))
    return path


@pytest.mark.parametrize(
    "damage",
    [
        {"group": 7},
        {"job": None},
        {"low_us": "1"},
        {"median_us": float("nan")},
        {"high_us": float("inf")},
        {"high_us": 10**400},
        {"high_us": 1e300},
        {"low_us": 0},
        {"low_us": 5e-324},
    ],
)
def test_results_that_make_no_sense_are_refused(tmp_path: Path, damage: dict[str, Any]) -> None:
    path = kept(tmp_path, "kept", a=10.0)
    document = json.loads(path.read_text())
    document["results"][1] |= damage
    path.write_text(json.dumps(document))
    with pytest.raises(EdgecoreError, match=r"kept.json: expected results that"):
        load(path)


@pytest.mark.parametrize(
    "damage",
    [
        {"map_50_95": float("nan")},
        {"map_50": 1e9},
        {"map_50": -0.1},
        {"invoke_ms": float("inf")},
        {"invoke_ms": 1.7e308},
        {"invoke_ms": 1e9},
        {"postprocess_ms": -1},
        {"preprocess_ms": float("nan")},
        {"megabytes": 10**400},
        {"megabytes": 1e9},
        {"megabytes": 0},
    ],
)
def test_accuracy_that_makes_no_sense_is_refused(tmp_path: Path, damage: dict[str, Any]) -> None:
    row = {"model": "small.tflite", "map_50_95": 0.2, "map_50": 0.4, "megabytes": 3}
    row |= {"preprocess_ms": 1, "invoke_ms": 10.0, "postprocess_ms": 1}
    path = tmp_path / "eval.json"
    path.write_text(json.dumps([row]))
    assert load(path)
    path.write_text(json.dumps([row | damage]))
    with pytest.raises(EdgecoreError, match=r"eval.json: expected results that"):
        load(path)


def run_kept(path: Path) -> Run:
    run = load(path)
    assert isinstance(run, Run)
    return run


def verdicts(before: Path, after: Path) -> dict[str, str]:
    found = compare(run_kept(before), run_kept(after)).changes
    return {one.before.job: one.verdict for one in found}


def test_what_changed_is_told_from_noise(tmp_path: Path) -> None:
    before = kept(tmp_path, "before", a=10.0, b=10.0, c=10.0, d=10.0)
    after = kept(tmp_path, "after", a=9.0, b=10.3, c=11.0, e=10.0)
    assert verdicts(before, after) == {"a": "quicker", "b": "same", "c": "slower"}
    comparison = compare(run_kept(before), run_kept(after))
    assert [key[1] for key in comparison.gone] == ["d"]
    assert [key[1] for key in comparison.come] == ["e"]


def test_a_row_whose_passes_differ_is_the_same(tmp_path: Path) -> None:
    before, after = kept(tmp_path, "before", a=10.0), kept(tmp_path, "after", a=20.0)
    document = json.loads(after.read_text())
    document["results"][1]["low_us"] = 10.0
    after.write_text(json.dumps(document))
    assert verdicts(before, after) == {"a": "same"}


def test_a_slower_machine_is_not_a_slower_row(tmp_path: Path) -> None:
    before = kept(tmp_path, "before", a=10.0, b=10.0)
    after = kept(tmp_path, "after", yardstick=120.0, a=12.0, b=20.0)
    assert verdicts(before, after) == {"a": "same", "b": "slower"}


def test_a_slower_board_is_slower(tmp_path: Path) -> None:
    before = kept(tmp_path, "before", machine="quick", a=10.0, b=10.0)
    after = kept(tmp_path, "after", machine="slow", yardstick=120.0, a=12.0, b=10.3)
    assert verdicts(before, after) == {"a": "slower", "b": "same"}


def test_yardsticks_that_move_apart_do_not_make_up_for_each_other(tmp_path: Path) -> None:
    before, after = kept(tmp_path, "before", a=10.0), kept(tmp_path, "after", a=14.0)
    for path, copy_us, loop_us in ((before, 100.0, 150.0), (after, 150.0, 100.0)):
        document = json.loads(path.read_text())
        for job, us in (("copy", copy_us), ("loop", loop_us)):
            document["results"].append(Result("yardsticks", job, "any", us, 1, 9, us, us)._asdict())
        path.write_text(json.dumps(document))
    assert verdicts(before, after) == {"a": "same"}


def test_results_without_an_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 200_000)
    with pytest.raises(EdgecoreError, match=r"deep.json: expected JSON, got too deep a nesting"):
        load(tmp_path / "deep.json")


def test_a_picture_holds_long_names_and_tells_many_variants_apart() -> None:
    name = "yolov8n_full_integer_quant_of_the_camera_at_the_front_640x640.tflite on litert"
    threads = [1 << n for n in range(8)]
    rows = [Result("invoke", name, f"{n} threads", 1e3 / n, 1, 9, 1, 1) for n in threads]
    picture = np.asarray(plot.draw(rows, name * 5))
    assert (picture[:, : plot.MARGIN - 2] == 255).all()
    assert (picture[:, -plot.MARGIN + 2 :] == 255).all()
    left = plot.MARGIN + plot.LABELS + 1
    assert len({tuple(color) for color in picture[100:, left]} - {plot.PAPER, plot.FAINT}) >= 8


def test_a_page_is_of_the_encoding_that_it_names_wherever_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(tmp_path, "before", machine="Gerät", a=10.0)
    for name, value in (("LC_ALL", "C"), ("PYTHONUTF8", "0"), ("PYTHONCOERCECLOCALE", "0")):
        monkeypatch.setenv(name, value)
    done = edgecore(tmp_path, "bench", "--compare", "before.json", "--html", "page.html")
    assert done.returncode == 0, done.stderr
    assert "<td>Gerät</td>" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_model_that_two_boards_judged_is_told_apart_by_the_files(tmp_path: Path) -> None:
    row = {"model": "small.tflite", "map_50_95": 0.2, "map_50": 0.4, "megabytes": 3}
    for board, ms in (("pi5", 80.0), ("jetson", 10.0)):
        stages = {"preprocess_ms": 1, "invoke_ms": ms, "postprocess_ms": 1}
        (tmp_path / f"{board}.json").write_text(json.dumps([row | stages]))
    done = edgecore(
        tmp_path, "bench", "--compare", "pi5.json", "jetson.json", "--html", "page.html"
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text()
    assert "<td>small, pi5</td>" in page
    assert "<td>small, jetson</td>" in page


def test_compare_prints_what_changed(tmp_path: Path) -> None:
    kept(tmp_path, "before", a=10.0, b=10.0)
    kept(tmp_path, "after", a=20.0, b=10.0)
    done = edgecore(tmp_path, "bench", "--compare", "before.json", "after.json")
    assert done.returncode == 0, done.stderr
    assert "2.00" in done.stdout
    assert "slower" in done.stdout
    assert "1 of 2 rows are the same within noise" in done.stdout


def test_names_in_brackets_are_printed_as_they_are(tmp_path: Path) -> None:
    kept(tmp_path, "board[old]", **{"model[int8].tflite on [/b]": 10.0})
    kept(tmp_path, "board[new]", **{"model[int8].tflite on [/b]": 20.0})
    done = edgecore(tmp_path, "bench", "--compare", "board[old].json", "board[new].json")
    assert done.returncode == 0, done.stderr
    table = done.stdout[done.stdout.index("ratio") - 60 :]
    for name in ("board[old]", "board[new]", "model[int8].tflite on", "[/b]"):
        assert name in table


def test_names_that_are_no_text_are_printed_as_they_are_written(tmp_path: Path) -> None:
    code = "\x1b[31m \udcff"
    kept(tmp_path, f"before {code}", machine=code, **{code: 10.0})
    kept(tmp_path, "after", machine=code, **{code: 20.0})
    done = edgecore(tmp_path, "bench", "--compare", f"before {code}.json", "after.json")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert done.stdout.count(r"\x1b[31m \udcff") == 5


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for folder, us in (("monday", 10.0), ("friday", 20.0)):
        (tmp_path / folder).mkdir()
        kept(tmp_path / folder, "bench", a=us)
    files = "monday/bench.json", "friday/bench.json"
    done = edgecore(tmp_path, "bench", "--compare", *files, "--html", "page.html")
    assert done.returncode == 0, done.stderr
    assert "monday/bench: " in done.stdout
    assert done.stdout.index("monday/bench  ") < done.stdout.index("friday/bench  ")
    assert "<th>monday/bench</th><th>friday/bench</th>" in (tmp_path / "page.html").read_text()


def test_a_page_holds_boards_and_models(tmp_path: Path) -> None:
    kept(tmp_path, "pi", machine="Cortex <A76>", a=30.0)
    kept(tmp_path, "pc", machine="EPYC", a=10.0, b=5.0)
    kept(tmp_path, "jetson", a=20.0)
    stages = {"preprocess_ms": 1, "invoke_ms": 10.0, "postprocess_ms": 1}
    rows = [
        {"model": f"/m/{name}.tflite", "map_50_95": m, "map_50": m, "megabytes": 3, **stages}
        for name, m in (("small", 0.2), ("large", 0.4))
    ]
    (tmp_path / "eval.json").write_text(json.dumps(rows))
    done = edgecore(
        tmp_path,
        "bench",
        *("--compare", "pi.json", "pc.json", "jetson.json", "eval.json", "--html", "page.html"),
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text()
    assert "Cortex &lt;A76&gt;" in page
    assert page.count("not measured") == 2
    assert page.count('class="time best"') == 1
    assert page.index("<td>large</td>") < page.index("<td>small</td>")
    assert page.count("<circle") == 2
    body = page[page.index("<body>") : page.index("</html>")]
    assert ElementTree.fromstring(body).tag == "body"


def test_a_run_is_marked_the_quickest_only_beyond_its_noise(tmp_path: Path) -> None:
    kept(tmp_path, "quick", a=10.0, b=10.0)
    kept(tmp_path, "slow", a=12.0, b=12.0)
    document = json.loads((tmp_path / "slow.json").read_text())
    document["results"][2]["low_us"] = 10.2  # one pass of b
    (tmp_path / "slow.json").write_text(json.dumps(document))
    done = edgecore(
        tmp_path, "bench", "--compare", "quick.json", "slow.json", "--html", "page.html"
    )
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "page.html").read_text().split("<tr>")
    marked = {name: f"<td>{name}</td>" for name in "ab"}
    best = {n for n, cell in marked.items() for row in rows if cell in row and "time best" in row}
    assert best == {"a"}


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
