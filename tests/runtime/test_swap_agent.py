"""`edgecore run` changes its model at SIGHUP: a real process, real signals, real files."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgecore import model

from .engine_children import engine_children
from .test_cli import command, environment, summary_in
from .test_swap import until

EMBEDDED = model.embedded()
SSD = "models/coco_ssd_mobilenet_v1_quant_metadata.tflite"

PATIENCE_S = 1000.0
"""The limit of a test comes first; an emulated processor has a longer one."""

CONFIG = """
source = "synthetic:"
model = "{model}"
link = "none"
out = "out"

[output]
annotate = "none"

[swap]
self_test = "{recorded}"
frames = {frames}
max_slowdown = 1e6
"""


@pytest.fixture
def agent(
    request: pytest.FixtureRequest, tmp_path: Path, test_data: Path
) -> Iterator[subprocess.Popen[str]]:
    write_config(tmp_path, str(EMBEDDED), test_data)
    with subprocess.Popen(
        command("run", "--config", "agent.toml", *getattr(request, "param", [])),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def write_config(folder: Path, path: str, test_data: Path, frames: int = 10) -> None:
    recorded = test_data / "images/traffic"
    text = CONFIG.format(model=path, recorded=recorded, frames=frames)
    (folder / "agent.toml").write_text(text)


def swaps(folder: Path) -> list[dict[str, Any]]:
    path = folder / "out/events.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    events = [json.loads(line) for line in lines if line.endswith("\n")]
    return [each for each in events if each["event"].startswith("swap")]


def test_an_agent_changes_to_the_model_of_its_configuration_at_sighup(
    agent: subprocess.Popen[str], tmp_path: Path, test_data: Path
) -> None:
    until(lambda: "run_started" in read(tmp_path / "out/events.jsonl"), PATIENCE_S)
    write_config(tmp_path, str(test_data / SSD), test_data)
    agent.send_signal(signal.SIGHUP)
    until(lambda: len(swaps(tmp_path)) == 4, PATIENCE_S)
    assert [each["event"] for each in swaps(tmp_path)] == [
        *("swap_verified", "swap_tested", "swapped", "swap_confirmed")
    ]
    write_config(tmp_path, str(test_data / "models/person_detect.tflite"), test_data)
    agent.send_signal(signal.SIGHUP)
    until(lambda: swaps(tmp_path)[-1]["event"] == "swap_refused", PATIENCE_S)
    assert "person_detect" in swaps(tmp_path)[-1]["reason"]
    (tmp_path / "agent.toml").write_text("model = 7")
    agent.send_signal(signal.SIGHUP)
    until(lambda: "expected a text, got 7" in swaps(tmp_path)[-1]["reason"], PATIENCE_S)
    write_config(tmp_path, str(EMBEDDED), test_data, frames=10**6)
    agent.send_signal(signal.SIGHUP)
    until(lambda: swaps(tmp_path)[-1]["event"] == "swapped", PATIENCE_S)
    agent.send_signal(signal.SIGHUP)
    until(lambda: "no other one under way" in swaps(tmp_path)[-1]["reason"], PATIENCE_S)
    agent.send_signal(signal.SIGTERM)
    said, _ = agent.communicate()
    assert agent.returncode == 0, said
    assert "new model stays: " in said
    assert "new model refused: " in said
    assert swaps(tmp_path)[-1]["event"] == "swap_rolled_back"
    summary = summary_in(tmp_path / "out")
    assert summary["failure"] is None
    assert summary["ended"] == "stopped by SIGTERM"


@pytest.mark.parametrize("agent", [["--isolated"]], indirect=True, ids=["isolated"])
def test_an_isolated_agent_changes_to_an_isolated_model(
    agent: subprocess.Popen[str], tmp_path: Path, test_data: Path
) -> None:
    until(lambda: "run_started" in read(tmp_path / "out/events.jsonl"), PATIENCE_S)
    old = engine_children(agent.pid)
    write_config(tmp_path, str(test_data / SSD), test_data)
    agent.send_signal(signal.SIGHUP)
    until(lambda: [each["event"] for each in swaps(tmp_path)][3:] == ["swap_confirmed"], PATIENCE_S)

    def only_the_new_is_there() -> bool:
        """Asked once each time: the kernel's list may lack some while others end."""
        now = engine_children(agent.pid)
        return len(now) == 2 and not old & now

    until(only_the_new_is_there)
    agent.send_signal(signal.SIGTERM)
    said, _ = agent.communicate()
    assert agent.returncode == 0, said
    assert "engine_error" not in read(tmp_path / "out/events.jsonl")


def test_an_agent_without_a_configuration_file_leaves_sighup_alone(tmp_path: Path) -> None:
    running = subprocess.Popen(
        command("run", "--link", "none", "--out", "out"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # nohup ignores it
    )
    try:
        until(lambda: "run_started" in read(tmp_path / "out/events.jsonl"), PATIENCE_S)
        running.send_signal(signal.SIGHUP)
        assert running.wait(PATIENCE_S) == -signal.SIGHUP
    finally:
        running.kill()
        running.wait()


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
