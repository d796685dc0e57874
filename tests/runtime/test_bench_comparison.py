"""`edgecore bench --compare`: which runs can be compared, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgecore.benchmark import machine
from edgecore.benchmark.comparison import compare
from edgecore.benchmark.kept import load
from edgecore.errors import ConfigError
from tests.runtime.test_bench import kept, run_kept, verdicts
from tests.runtime.test_cli import edgecore

pytestmark = pytest.mark.once


def change(path: Path, **keys: object) -> Path:
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | keys))
    return path


def without_yardsticks(path: Path) -> Path:
    rows = json.loads(path.read_text())["results"]
    return change(path, results=[row for row in rows if row["group"] != "yardsticks"])


def test_runs_that_share_no_yardstick_are_compared_by_their_passes_alone(tmp_path: Path) -> None:
    before = without_yardsticks(kept(tmp_path, "before", a=10.0, b=10.0))
    after = without_yardsticks(kept(tmp_path, "after", a=20.0, b=10.0))
    assert verdicts(before, after) == {"a": "slower", "b": "same"}
    done = edgecore(tmp_path, "bench", "--compare", "before.json", "after.json")
    assert done.returncode == 0, done.stderr
    assert "the runs share no yardsticks" in done.stdout
    assert "times as long" not in done.stdout


def test_two_boards_of_one_kind_are_no_one_machine(tmp_path: Path) -> None:
    before = change(kept(tmp_path, "before", a=10.0), machine_id="one")
    after = change(kept(tmp_path, "after", yardstick=200.0, a=20.0), machine_id="two")
    assert verdicts(before, after) == {"a": "slower"}


def test_one_machine_is_known_again_beside_a_file_of_an_older_version(tmp_path: Path) -> None:
    before = kept(tmp_path, "before", machine="EPYC", a=10.0)
    after = kept(tmp_path, "after", machine="EPYC (a board)", yardstick=120.0, a=12.0)
    change(after, processor="EPYC", machine_id="one")
    assert verdicts(before, after) == {"a": "same"}


def test_one_machine_whose_yardsticks_moved_far_is_doubted(tmp_path: Path) -> None:
    kept(tmp_path, "before", a=10.0)
    kept(tmp_path, "busy", yardstick=50.0, a=20.0)
    kept(tmp_path, "calm", yardstick=110.0, a=20.0)
    done = edgecore(tmp_path, "bench", "--compare", "before.json", "busy.json")
    assert "both runs count as one machine's, yet a yardstick moved 2.00 times" in done.stderr
    done = edgecore(tmp_path, "bench", "--compare", "before.json", "calm.json")
    assert done.stderr == ""


def test_a_machine_is_named_by_its_board_and_told_by_what_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, board, own = tmp_path / "device-tree", tmp_path / "board_name", tmp_path / "machine-id"
    tree.mkdir()
    for name, path in (("_DEVICE_TREE", tree), ("_BOARD", board), ("_MACHINE_ID", own)):
        monkeypatch.setattr(machine, name, path)
    assert machine.machine() == machine.processor()
    board.write_text("To be filled by O.E.M.\n")
    assert machine.machine() == machine.processor()
    board.write_text("UP-APL01\n")
    assert machine.machine() == f"{machine.processor()} (UP-APL01)"
    (tree / "model").write_bytes(b"Orange Pi 5\0")
    monkeypatch.setattr(machine, "_cpuinfo", lambda names: "")
    assert machine.machine() == "Orange Pi 5"
    found = {machine.identity()}
    own.write_text("0123456789abcdef\n")
    found.add(machine.identity())
    (tree / "serial-number").write_bytes(b"1000\0")
    found.add(machine.identity())
    assert len(found) == 3
    assert not any("0123456789abcdef" in one for one in found)
    assert machine.identity() == machine.identity()


def test_what_changed_is_kept_as_json(tmp_path: Path) -> None:
    kept(tmp_path, "before", a=10.0, gone=1.0)
    kept(tmp_path, "after", a=20.0)
    done = edgecore(
        tmp_path, "bench", "--compare", "before.json", "after.json", "--json", "out.json"
    )
    assert done.returncode == 0, done.stderr
    assert "changes: out.json" in done.stderr
    document: dict[str, Any] = json.loads((tmp_path / "out.json").read_text())
    (one,) = document["changes"]
    assert (one["job"], one["before_us"], one["after_us"]) == ("a", 10.0, 20.0)
    assert (one["ratio"], one["verdict"]) == (2.0, "slower")
    assert document["gone"] == [["group", "gone", "any"]]
    assert document["before"]["name"] == "before"
    assert document["yardsticks_ratio"] == pytest.approx(1.0)


def test_models_of_one_name_that_differ_are_warned_of(tmp_path: Path) -> None:
    for name, digest in (("before", "12"), ("after", "34")):
        path = kept(tmp_path, name, a=10.0)
        models = {"best.tflite": {"digest": digest}, "embedded model": {"digest": "56"}}
        change(path, engine=f"litert {name}", models=models)
    done = edgecore(
        tmp_path, "bench", "--compare", "before.json", "after.json", "--html", "page.html"
    )
    assert done.returncode == 0, done.stderr
    assert "best.tflite: two different models of this name" in done.stderr
    assert "embedded model" not in done.stderr
    assert "litert after" in done.stdout
    page = (tmp_path / "page.html").read_text()
    assert page.count("different models of this name") == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"turns": None}, "results[1].turns: expected a number, got null"),
        ({"job": 7}, "results[1].job: expected a text, got 7"),
        ({"high_us": float("nan")}, "results[1].high_us: expected a number, got NaN"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(
    tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    path = kept(tmp_path, "kept", a=10.0)
    rows = json.loads(path.read_text())["results"]
    change(path, results=[rows[0], rows[1] | row])
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert message in str(caught.value)
    del rows[1]["low_us"]
    change(path, results=rows)
    with pytest.raises(ConfigError, match=r"results\[1\]: expected the key 'low_us'"):
        load(path)


def test_what_a_newer_version_adds_is_no_matter(tmp_path: Path) -> None:
    path = kept(tmp_path, "kept", a=10.0)
    rows = json.loads(path.read_text())["results"]
    change(path, results=[row | {"energy_uj": 3} for row in rows], weather={}, models=[1])
    assert len(run_kept(path).results) == 2


def test_models_of_one_name_in_one_file_are_told_apart(tmp_path: Path) -> None:
    row = {"map_50_95": 0.2, "map_50": 0.4, "megabytes": 3}
    row |= {"preprocess_ms": 1, "invoke_ms": 10.0, "postprocess_ms": 1}
    names = {"model": "/m/a/best.tflite", "name": "a/best.tflite"}, {"model": "/m/b/best.tflite"}
    path = tmp_path / "eval.json"
    path.write_text(json.dumps([row | name for name in names]))
    found = load(path)
    assert isinstance(found, list)
    assert [one.model for one in found] == ["a/best", "best"]


def test_an_older_file_holds_all_that_is_needed(tmp_path: Path) -> None:
    run = run_kept(kept(tmp_path, "kept", machine="board", a=10.0))
    assert (run.processor, run.identity, run.engine, dict(run.digests)) == ("board", "", "", {})
    assert compare(run, run).same_machine


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.json", "b.json", "--only", "heads"], "--json and --html beside it, got --only"),
        (["a.json", "b.json", "--seconds", "1"], "--json and --html beside it, got --seconds"),
        (["a.json", "b.json", "--num-threads", "2"], "beside it, got --num-threads"),
        (["a.json", "b.json", "c.json"], "of `edgecore bench --json`, or --html for any number"),
        (["a.json", "b.json", "eval.json"], "got 2 and 1 of `edgecore eval --json`"),
        (["a.json", "--json", "out.json", "--html", "page.html"], "--json: expected two files"),
        (["none.json", "--html", "page.html"], "expected at least one model, got none"),
        (["a.json", "--html", "b.json"], "--html: b.json: expected a file to write, got one that"),
        (["a.json", "c.json", "--json", "b.json"], "--json: b.json: expected a file to write, got"),
        (["a.json", "b.json", "--json", "x", "--html", "./x"], "another file than that of --json"),
        (["a.json", "b.json", "--json", "-"], "--json: expected a file, got -"),
    ],
)
def test_what_cannot_be_compared_or_kept_is_one_line(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    for name in "abc":
        kept(tmp_path, name, a=10.0)
    row = {"model": "small.tflite", "map_50_95": 0.2, "map_50": 0.4, "megabytes": 3}
    row |= {"preprocess_ms": 1, "invoke_ms": 10.0, "postprocess_ms": 1}
    (tmp_path / "eval.json").write_text(json.dumps([row]))
    (tmp_path / "none.json").write_text("[]")
    before = (tmp_path / "b.json").read_bytes()
    done = edgecore(tmp_path, "bench", "--compare", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "b.json").read_bytes() == before
    assert not (tmp_path / "page.html").exists()
