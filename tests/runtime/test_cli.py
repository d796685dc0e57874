"""The command line as a user starts it: what it prints, what it leaves, how it fails."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
YOLO = "models/yolov8n_full_integer_quant.tflite"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "edgecore.cli", *(str(one) for one in arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1"}


def edgecore(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
    )


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What was said on stderr, without the engine's own chatter."""
    return [line for line in done.stderr.splitlines() if line.startswith("edgecore")]


def summary_in(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return loaded


def diary(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", ["run", "replay", "detect", "inspect", "eval", "bench"])
def test_help_shows_examples(tmp_path: Path, name: str) -> None:
    done = edgecore(tmp_path, name, "--help")
    assert done.returncode == 0
    assert f"edgecore {name}" in done.stdout.partition("Examples")[2]


def test_no_command_lists_the_commands(tmp_path: Path) -> None:
    done = edgecore(tmp_path)
    for name in ("run", "detect", "inspect", "bench", "doctor"):
        assert f" {name} " in done.stdout


def test_doctor_names_engines_accelerators_kernels_cameras_and_ports(tmp_path: Path) -> None:
    done = edgecore(tmp_path, "doctor")
    assert done.returncode == 0
    for part in ("engine litert", "engine tflite", "kernels", "video encoder", "camera"):
        assert part in done.stdout
    for name in ("cpu", "edgetpu", "npu", "gpu"):
        assert re.search(f"^accelerator {name} +(yes|no) +[a-zA-Z]", done.stdout, re.M)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "/dev/video99"], "/dev/video99: no such camera"),
        (["--source", "gone.mp4"], "gone.mp4: no such file or folder"),
        (["--model", "gone.tflite"], "gone.tflite: no such model file"),
        (["--link", "serial:///dev/ttyNONE"], "/dev/ttyNONE: No such file or directory"),
        (["--link", "unix:///nowhere/fw.sock"], "/nowhere/fw.sock: No such file or directory"),
        (["--link", "smoke:signals"], "link: smoke:signals: expected serial:, unix:"),
        (["--engine", "litter"], "detector.engine: expected one of auto, litert, tflite"),
        (["--config", "gone.toml"], "gone.toml: no such configuration file"),
        (["--duration", "-3"], "duration_s: expected a number from 0"),
        (["--out", "/proc/nowhere"], "out: /proc/nowhere: cannot be written"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_run_on_something_missing_is_one_clear_line_and_leaves_nothing(
    tmp_path: Path, test_data: Path, arguments: list[str], message: str
) -> None:
    model = () if "--model" in arguments else ("--model", test_data / YOLO)
    done = edgecore(tmp_path, "run", *model, *arguments)
    assert done.returncode == 1
    (line,) = complaints(done)
    assert message in line
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_run_names_the_key_of_a_mistake_in_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text("[collision]\nttc = 3\n")
    done = edgecore(tmp_path, "run", "--config", "agent.toml")
    assert complaints(done) == [
        "edgecore: agent.toml: collision.ttc: unknown key; did you mean collision.ttc_s?"
    ]
    assert done.returncode == 1


def test_run_names_a_rule_for_classes_that_its_model_does_not_know(tmp_path: Path) -> None:
    rules = '[[rule]]\ntype = "zone"\npolygon = [[0, 0], [1, 0], [1, 1]]\nclasses = ["persn"]\n'
    (tmp_path / "rules.toml").write_text(rules)
    done = edgecore(tmp_path, "run", "--rules", "rules.toml", "--link", "none", "--duration", "1")
    assert complaints(done) == [
        "edgecore: rules.toml: rule zone.classes: expected one label of the model at least "
        "(person, car, truck), got persn"
    ]
    assert done.returncode == 1


def test_run_on_a_dash_cam_video_marks_the_cars(tmp_path: Path, test_data: Path) -> None:
    done = edgecore(
        tmp_path,
        *("run", "--source", test_data / "video/highway_1280x720.mp4"),
        *("--model", test_data / YOLO, "--out", "results"),
    )
    assert done.returncode == 0, done.stderr
    summary = summary_in(tmp_path / "results")
    assert summary["frames"] == 38
    assert summary["dropped"] == summary["recording_skipped"] == 0
    assert summary["detections_by_class"]["car"] >= 2 * 38
    with av.open(str(tmp_path / "results/annotated.mp4")) as recording:
        frames = [frame.to_ndarray(format="rgb24") for frame in recording.decode(video=0)]
    with av.open(str(test_data / "video/highway_1280x720.mp4")) as original:
        before = [frame.to_ndarray(format="rgb24") for frame in original.decode(video=0)]
    assert len(frames) == 38
    # The dark car ahead is at columns 810 to 940 and rows 405 to 495 of the fourth frame.
    changed = np.abs(frames[3].astype(int) - before[3]).max(axis=2) > 60
    assert changed[405:500, 806:814].any(axis=1).mean() > 0.9
    assert changed[405:500, 938:946].any(axis=1).mean() > 0.9
    assert changed[520:, :].mean() < 0.01


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_run_ends_cleanly_by_signal(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        command("run", "--out", tmp_path / "out"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    events = tmp_path / "out" / "events.jsonl"
    while process.poll() is None and not (
        events.exists() and "firmware_active" in events.read_text()
    ):
        time.sleep(0.05)
    # To the whole group, as a terminal does: the simulated firmware must not die of it first.
    os.killpg(process.pid, number)
    stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    summary = summary_in(tmp_path / "out")
    assert summary["ended"] == f"stopped by {number.name}"
    assert summary["frames"] > 0
    assert summary["link_losses"] == 0
    assert summary["failure"] is None
    with av.open(str(tmp_path / "out" / "annotated.mp4")) as recording:
        assert sum(1 for _ in recording.decode(video=0)) > 0
    assert f"stopped by {number.name}" in stdout


def test_run_goes_on_when_nobody_reads_what_it_says(tmp_path: Path, test_data: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command(
            *("run", "--source", "synthetic:?duration=2", "--model", test_data / YOLO),
            *("--link", "none", "--out", "out"),
        ),
        cwd=tmp_path,
        env=environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert done.returncode == 0, done.stderr
    assert complaints(done) == []
    assert summary_in(tmp_path / "out")["ended"] == "the source ended"


def test_run_on_a_full_disk_is_one_clear_line(tmp_path: Path, test_data: Path) -> None:
    arguments = command(
        *("run", "--source", "synthetic:?duration=2", "--model", test_data / YOLO),
        *("--link", "none", "--out", "out"),
    )
    done = subprocess.run(  # no file larger than 2 KiB; Python ignores SIGXFSZ
        ["/bin/sh", "-c", 'ulimit -f 4; exec "$@"', "sh", *arguments],
        cwd=tmp_path,
        env={**environment(), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = complaints(done)
    assert "cannot be written: File too large" in line
    assert "Traceback" not in done.stderr
    assert summary_in(tmp_path / "out")["frames"] > 0


def test_detect_on_a_picture_says_what_is_in_it(tmp_path: Path, test_data: Path) -> None:
    done = edgecore(tmp_path, "detect", test_data / "images/bus.jpg", "--model", test_data / YOLO)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert "bus.jpg  810x1080  person 0.8" in line
    assert "bus 0.8" in line


def test_detect_json_is_one_object_a_frame(tmp_path: Path, test_data: Path) -> None:
    done = edgecore(
        tmp_path,
        *("detect", test_data / "images/bus.jpg", test_data / "images/zidane.jpg"),
        *("--model", test_data / YOLO, "--json", "--score-threshold", "0.5"),
    )
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(record["source"]).name for record in records] == ["bus.jpg", "zidane.jpg"]
    bus = records[0]
    assert (bus["width"], bus["height"]) == (810, 1080)
    names = sorted(one["class_name"] for one in bus["detections"])
    assert names == ["bus", "person", "person", "person"]
    for one in bus["detections"]:
        x0, y0, x1, y1 = one["xyxy"]
        assert 0 <= x0 < x1 <= 810
        assert 0 <= y0 < y1 <= 1080
        assert 0.5 <= one["confidence"] <= 1


def test_detect_saves_annotated_pictures_and_video(tmp_path: Path, test_data: Path) -> None:
    model = ("--model", test_data / YOLO)
    road = "synthetic:?duration=1&realtime=0&fps=5"
    done = edgecore(tmp_path, "detect", road, "--save", "marked", *model)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5
    (video,) = (tmp_path / "marked").iterdir()
    with av.open(str(video)) as recording:
        frame = next(recording.decode(video=0))
        frame.to_image().save(tmp_path / "frame.png")
    done = edgecore(tmp_path, "detect", "frame.png", "--save", "marked", *model)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "marked" / "frame.jpg") as picture:
        assert picture.size == (640, 384)


def test_detect_reports_damaged_pictures_and_goes_on(tmp_path: Path, test_data: Path) -> None:
    for name in ("a.png", "c.png"):
        Image.fromarray(np.full((60, 80, 3), 90, np.uint8)).save(tmp_path / name)
    (tmp_path / "b.png").write_bytes(b"garbage")
    done = edgecore(tmp_path, "detect", ".", "gone.jpg", "--model", test_data / YOLO)
    assert done.returncode == 1
    assert complaints(done) == [
        "edgecore: b.png: not a picture that Pillow knows",
        "edgecore: gone.jpg: no such file or folder",
    ]
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["a.png", "c.png"]


@pytest.mark.parametrize(
    ("command", "option", "given"),
    [
        (["detect", "a.png"], "--accelerator", "tpu"),
        (["detect", "a.png"], "--num-threads", "0"),
        (["bench", "--only", "invoke"], "--accelerator", "tpu"),
        (["replay", "a.zip", "--pixels"], "--accelerator", "tpu"),
        (["run", "--link", "none", "--config", "tpu.toml"], "detector", "tpu"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_an_accelerator_or_threads_that_are_none_are_named(
    tmp_path: Path, command: list[str], option: str, given: str
) -> None:
    (tmp_path / "tpu.toml").write_text("[detector]\nfallback = ['tpu']\n")
    arguments = [] if command[0] == "run" else [option, given]
    done = edgecore(tmp_path, *command, *arguments)
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    assert option in done.stderr
    assert f"got '{given}'" in " ".join(done.stderr.replace("│", " ").split())


def test_detect_with_a_bad_threshold_names_the_option(tmp_path: Path) -> None:
    done = edgecore(tmp_path, "detect", "a.png", "--score-threshold", "2")
    assert done.returncode == 2
    assert "--score-threshold" in done.stderr


def test_no_name_in_an_error_commands_the_terminal(tmp_path: Path) -> None:
    done = edgecore(tmp_path, "inspect", "\x1b]0;evil\x07\x9b31m.tflite")
    assert done.returncode == 1
    assert done.stderr == "edgecore: \\x1b]0;evil\\x07\\x9b31m.tflite: no such model file\n"
