"""`edgecore bench --mlperf-tiny`: what was measured is printed and kept whatever comes after it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.test_cli import command, edgecore, environment
from tests.runtime.test_mlperf_tiny import Answer, dataset, device_that, lines, twin_but

pytestmark = pytest.mark.once

WINDOW = lines("m-lap-us-0", "m-lap-us-10000", f"m-results-[{','.join('0123456789')}]", "m-ready")
DEAD = lines("e-[hard fault]", "m-ready")


def bench(url: str, *more: str) -> tuple[str, ...]:
    return ("bench", "--mlperf-tiny", url, "--seconds", "0.01", "--json", "tiny.json", *more)


def kept(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "tiny.json").read_text())
    return loaded


def windows_kept(folder: Path) -> int:
    return len(kept(folder)["performance"]["windows"])


def measured(times: int, then: bytes = DEAD) -> Answer:
    """The twin, with so many windows of 10 ms before that answer."""
    answers = [WINDOW] * times
    twin = twin_but()
    return lambda sent: (
        (answers.pop() if answers else then) if sent.startswith(b"infer") else twin(sent)
    )


def test_windows_before_the_device_died_are_kept(tmp_path: Path) -> None:
    with device_that(measured(2)) as url:
        done = edgecore(tmp_path, *bench(url))
    assert done.returncode == 1
    assert "the device answered 'e-[hard fault]'" in done.stderr
    assert "not by the benchmark's rules: 2 of 5 windows" in done.stdout
    assert windows_kept(tmp_path) == 2
    assert kept(tmp_path)["performance"]["median_us"] == 1000.0
    assert kept(tmp_path)["performance"]["by_the_rules"] is False


def test_a_device_that_died_in_the_first_window_leaves_nothing(tmp_path: Path) -> None:
    with device_that(measured(0)) as url:
        done = edgecore(tmp_path, *bench(url))
    assert done.returncode == 1
    assert done.stdout == ""
    assert not (tmp_path / "tiny.json").exists()


def test_windows_before_accuracy_failed_are_kept(tmp_path: Path) -> None:
    dataset(tmp_path, 0)
    with device_that(measured(7)) as url:
        done = edgecore(tmp_path, *bench(url, "--dataset", "."))
    assert done.returncode == 1
    assert "infer 1 0%: the device answered 'e-[hard fault]'" in done.stderr
    assert windows_kept(tmp_path) == 5
    assert kept(tmp_path)["accuracy"] is None
    assert "windows are shorter than 10 s" in done.stdout


def test_windows_before_ctrl_c_are_kept(tmp_path: Path) -> None:
    waits = threading.Event()
    twin = measured(2, b"")

    def answer(sent: bytes) -> bytes:
        said = twin(sent)
        if not said:
            waits.set()
        return said

    with device_that(answer) as url:
        running = subprocess.Popen(
            command(*bench(url)),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell's & ignores
        )
        try:
            assert waits.wait(60)
            running.send_signal(signal.SIGINT)
            stdout, _ = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode != 0
    assert b"2 of 5 windows" in stdout
    assert windows_kept(tmp_path) == 2


def test_results_are_kept_where_they_cannot_be_printed(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with device_that(measured(5)) as url:
        subprocess.run(
            command(*bench(url)),
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
        )
    os.close(full)
    assert windows_kept(tmp_path) == 5


@pytest.mark.parametrize(
    ("label", "size", "message"),
    [
        ("9.bin,10,12", 3072, "y_labels.csv, line 5: expected a class below 10, got 12"),
        ("9.bin,10,10", 3072, "y_labels.csv, line 5: expected a class below 10, got 10"),
        ("9.bin,ten,1", 3072, "y_labels.csv, line 5: expected file, classes, class"),
        ("9.bin,12,1", 3072, "y_labels.csv, line 5: expected 10 classes as before, got 12"),
        ("9.bin,10,1", 3071, "y_labels.csv, line 5: 9.bin: expected 3072 bytes for ic01, got 3071"),
    ],
)
def test_inputs_are_looked_at_before_the_device_infers(
    tmp_path: Path, label: str, size: int, message: str
) -> None:
    dataset(tmp_path, 0)
    with (tmp_path / "y_labels.csv").open("a") as file:
        file.write(label)
    (tmp_path / "9.bin").write_bytes(bytes(size))
    with device_that(measured(0)) as url:
        done = edgecore(tmp_path, *bench(url, "--dataset", "."))
    assert done.returncode == 1
    assert message in done.stderr
    assert "hard fault" not in done.stderr


def test_classes_that_the_device_has_no_scores_for_are_told_after_a_window(tmp_path: Path) -> None:
    (tmp_path / "0.bin").write_bytes(bytes(3072))
    (tmp_path / "y_labels.csv").write_text("0.bin,12,1\n")
    with device_that(measured(1)) as url:
        done = edgecore(tmp_path, *bench(url, "--dataset", "."))
    assert done.returncode == 1
    assert "expected 12 scores, one for each class of y_labels.csv, got 10" in done.stderr
    assert windows_kept(tmp_path) == 1


@pytest.mark.parametrize("url", ["", "   "])
def test_no_url_is_no_device(tmp_path: Path, url: str) -> None:
    done = edgecore(tmp_path, *bench(url))
    assert done.returncode == 1
    assert done.stderr == f"edgecore: --mlperf-tiny: expected a URL, got {url!r}\n"


def test_results_are_printed_where_they_cannot_be_kept(tmp_path: Path) -> None:
    with device_that(measured(5)) as url:
        done = edgecore(tmp_path, *bench(url), "--json", "/dev/full")
    assert done.returncode == 1
    assert "1000.00" in done.stdout
    assert done.stderr == "edgecore: --json: /dev/full: No space left on device\n"
