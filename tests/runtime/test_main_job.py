"""The main job as a stranger starts it: `edgecore run`, its own road, model and firmware."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from .firmware_process import Firmware, environment

RUN = [sys.executable, "-m", "edgecore.cli", "run"]


def diary(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_main_job_earns_an_alert_and_its_summary_agrees_with_its_diary(tmp_path: Path) -> None:
    # What a loaded machine does late is late, not lost; .ci/run keeps the usual deadline.
    (tmp_path / "patient.toml").write_text("[alert]\ndeadline_s = 30\n")
    command = subprocess.Popen(
        [*RUN, "--duration", "90", "--out", "out", "--config", "patient.toml"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    events = tmp_path / "out/events.jsonl"
    while command.poll() is None and not (events.exists() and "alert_result" in events.read_text()):
        time.sleep(0.05)
    command.send_signal(signal.SIGINT)
    stdout, stderr = command.communicate()
    assert command.returncode == 0, stderr
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["alerts_sent"] >= 1
    assert summary["alerts_acknowledged"] == summary["alerts_sent"] == summary["alerts"]
    assert summary["telemetry_records"] == sum(summary["telemetry_by_kind"].values()) > 0
    assert summary["detections_by_class"]["car"] > summary["frames"] > 0
    told = diary(tmp_path / "out")
    assert told[0]["event"] == "detector"
    assert told[0]["accelerator"] == "cpu"
    assert told[0]["refused"] == []
    kinds = Counter(event["event"] for event in told)
    assert kinds["alert"] == summary["alerts"]
    assert kinds["alert_result"] == summary["alerts"]
    outcomes = Counter(event["outcome"] for event in told if event["event"] == "alert_result")
    assert outcomes == summary["alerts_by_outcome"]
    assert kinds["link_down"] == summary["link_losses"]
    assert [event["t_ns"] for event in told] == sorted(event["t_ns"] for event in told)
    assert (tmp_path / "out/annotated.mp4").stat().st_size > 0
    for name in ("summary.json", "events.jsonl", "annotated.mp4"):
        assert name in stdout.splitlines()[-1]


def test_governor_declared_in_the_configuration_slows_the_run_and_says_why(tmp_path: Path) -> None:
    """A rule that is always broken: no machine that runs this is idle."""
    (tmp_path / "governed.toml").write_text(
        "[governor]\nperiod_s = 0.1\n"
        "[[governor.rule]]\nreading = 'cpu_percent'\nabove = 0\nbelow = -1\nhold_s = 0\n"
        "[[governor.step]]\nmax_fps = 2\n"
    )
    arguments = ["--link", "none", "--annotate", "none", "--duration", "4", "--out", "out"]
    done = subprocess.run(
        [*RUN, *arguments, "--config", "governed.toml"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (told,) = [event for event in diary(tmp_path / "out") if event["event"] == "governor"]
    assert told["reason"].startswith("level 1, at most 2 frames/s: cpu_percent ")
    assert "governor: level 1" in done.stdout
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["dropped"] > summary["frames"] > 0


def test_killed_command_leaves_a_whole_diary_and_a_safe_firmware(tmp_path: Path) -> None:
    firmware = Firmware(tmp_path / "fw.sock", time.monotonic_ns())
    command = subprocess.Popen(
        [*RUN, "--link", firmware.url, "--out", "out"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        alive = firmware.wait_for("active")
        alerted = firmware.wait_for("alert", after=alive)
        command.send_signal(signal.SIGKILL)
        command.wait()
        firmware.wait_for("safe", after=alerted)
        kinds = [event["event"] for event in diary(tmp_path / "out")]
        assert kinds.count("alert") == firmware.names().count("alert") == 1
        assert "run_ended" not in kinds
        assert not (tmp_path / "out/summary.json").exists()
    finally:
        command.kill()
        command.wait()
        firmware.kill()
