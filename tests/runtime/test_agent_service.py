"""The agent under a service manager: a real socket, as systemd has it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from edgecore.agent.service import ServiceManager
from tests.runtime.test_cli import command, environment


def listening(address: str) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    line.bind(address)
    line.setblocking(False)
    return line


def heard(line: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(line.recv(4096).decode())
        except BlockingIOError:
            return messages


@pytest.mark.parametrize("abstract", [False, True])
def test_ready_with_the_first_frame_then_alive(tmp_path: Path, abstract: bool) -> None:
    name = f"edgecore-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with listening("\0" + name if abstract else name) as line:
        manager = ServiceManager(
            {"NOTIFY_SOCKET": "@" + name if abstract else name, "WATCHDOG_USEC": "3000"}
        )
        manager.tick(0, stalled=False)
        assert heard(line) == []
        manager.tick(1, stalled=False)
        assert heard(line) == ["READY=1\nSTATUS=watching", "WATCHDOG=1"]
        time.sleep(0.002)
        manager.tick(2, stalled=True)
        assert heard(line) == []
        manager.tick(3, stalled=False)
        assert heard(line) == ["WATCHDOG=1"]
        manager.stopping()
        assert heard(line) == ["STOPPING=1"]


def test_signs_of_life_are_no_more_than_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1000.0
    monkeypatch.setattr("edgecore.agent.service.time.monotonic", lambda: now_s)
    with listening(str(tmp_path / "notify")) as line:
        manager = ServiceManager(
            {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000000"}
        )
        manager.tick(1, stalled=False)
        assert heard(line) == ["READY=1\nSTATUS=watching", "WATCHDOG=1"]
        for now_s, signs in ((1000.9, 0), (1001.1, 1), (1001.2, 0), (1002.5, 1)):  # noqa: B007
            manager.tick(2, stalled=False)
            assert heard(line) == ["WATCHDOG=1"] * signs


@pytest.mark.parametrize(
    "watchdog",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"},
    ],
)
def test_no_sign_of_life_where_none_is_wanted(tmp_path: Path, watchdog: dict[str, str]) -> None:
    with listening(str(tmp_path / "notify")) as line:
        manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify"), **watchdog})
        for frames in range(3):
            manager.tick(frames, stalled=False)
        assert heard(line) == ["READY=1\nSTATUS=watching"]


def test_a_manager_that_is_gone_is_no_failure(tmp_path: Path) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "none"), "WATCHDOG_USEC": "1"})
    manager.tick(1, stalled=False)
    manager.stopping()
    ServiceManager({}).tick(1, stalled=False)


def test_a_run_tells_its_manager_until_it_ends(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")) as line:
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
        arguments = ("run", "--link", "none", "--annotate", "none", "--out", tmp_path / "out")
        with subprocess.Popen(
            command(*arguments), env={**environment(), **told}, cwd=tmp_path
        ) as agent:
            messages: list[str] = []
            until = time.monotonic() + 60
            while messages.count("WATCHDOG=1") < 4 and time.monotonic() < until:
                time.sleep(0.05)
                messages += heard(line)
            assert messages[0] == "READY=1\nSTATUS=watching"
            assert messages.count("WATCHDOG=1") >= 4
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(60) == 0
        assert heard(line)[-1] == "STOPPING=1"
