"""What commands do where their output goes nowhere, or cannot hold what they say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.runtime.test_cli import command, edgecore, environment

pytestmark = pytest.mark.once

HEADS = ("bench", "--only", "heads", "--seconds", "0.01", "--json", "heads.json")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECORE_FORCE_ISA", "baseline")


def rows(path: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(path.read_text())["results"]
    return found


def on_a_full_disk(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    with open("/dev/full", "w") as full:
        return subprocess.run(
            command(*arguments),
            cwd=folder,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )


def test_a_pipe_that_nobody_reads_ends_a_command_quietly_and_its_files_are_there(
    tmp_path: Path,
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command(*HEADS, "--plot", "heads.png", "--html", "heads.html"),
        cwd=tmp_path,
        env=environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "results: heads.json",
        "plot: heads.png",
        "page: heads.html",
    ]
    assert rows(tmp_path / "heads.json")
    assert (tmp_path / "heads.png").stat().st_size
    assert (tmp_path / "heads.html").stat().st_size


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_beneath_stdout_is_one_line_and_the_files_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbuffered: str
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    done = on_a_full_disk(tmp_path, *HEADS)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "results: heads.json",
        "edgecore: stdout: No space left on device",
    ]
    assert rows(tmp_path / "heads.json")


def test_a_file_that_fails_is_told_also_where_stdout_does(tmp_path: Path) -> None:
    done = on_a_full_disk(tmp_path, *HEADS[:-1], "/dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["edgecore: --json: /dev/full: No space left on device"]


@pytest.mark.parametrize("arguments", [["doctor"], ["inspect", "ü.tflite"], ["--version"]])
def test_no_command_ends_in_a_traceback_on_a_full_disk(
    tmp_path: Path, test_data: Path, arguments: list[str]
) -> None:
    shutil.copy(test_data / "models/fomo_balloon.tflite", tmp_path / "ü.tflite")
    done = on_a_full_disk(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "edgecore: stdout: No space left on device"
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_letters_that_a_terminal_lacks_are_written_as_their_codes(
    tmp_path: Path, test_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    shutil.copy(test_data / "models/fomo_balloon.tflite", tmp_path / "模型ü.tflite")
    done = edgecore(
        *(tmp_path, "bench", "--only", "invoke", "-m", "模型ü.tflite"),
        *("--seconds", "0.01", "--json", "kept.json"),
    )
    assert done.returncode == 0, done.stderr
    assert r"\u6a21\u578b\xfc.tflite on" in done.stdout
    assert any("模型ü.tflite" in str(row["job"]) for row in rows(tmp_path / "kept.json"))


@pytest.mark.parametrize(("word", "status"), [("--what", 2), ("gone.tflite", 1)])
@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_a_complaint_that_finds_no_stderr_goes_nowhere_and_the_status_stays(
    tmp_path: Path, word: str, status: int, stderr: str
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {stderr}', "sh", *command("inspect", "--no-run", word)],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert (done.returncode, done.stdout) == (status, "")
