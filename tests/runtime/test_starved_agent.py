"""An agent that was kept from running gives up nothing that was done meanwhile."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .firmware_process import Firmware, environment
from .test_cli import diary

STARVED_S = 2.5
"""Longer than what is waited for."""

UPLINK = """\
import sys
from pathlib import Path

from edgecore.agent import EventLog
from edgecore.agent.config import AlertSettings
from edgecore.agent.uplink import Uplink
from edgecore.rules import AlertRequest

events = EventLog(Path(sys.argv[2]) / "events.jsonl")
uplink = Uplink(sys.argv[1], AlertSettings(deadline_s=1.0), events)
print("up", flush=True)
sys.stdin.readline()
uplink.alert(1, AlertRequest(kind=1))
print("closes", flush=True)
uplink.close()
events.close()
"""

PIPELINE = """\
import sys, threading, time

from edgecore import Pipeline

class Slow:
    def detect(self, frame):
        begun.set()
        sys.stdin.readline()
        time.sleep(0.3)
        raise ValueError("a frame of no use")

begun = threading.Event()
pipeline = Pipeline("synthetic:?realtime=0", Slow())
pipeline.start(lambda result: None)
begun.wait()
print("closes", flush=True)
print(pipeline.close(timeout_s=2.0))
"""


@contextlib.contextmanager
def host_of(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as host:
        yield host


def line_of(host: subprocess.Popen[str]) -> str:
    assert host.stdout is not None
    return host.stdout.readline()


def go_on(host: subprocess.Popen[str]) -> None:
    assert host.stdin is not None
    host.stdin.write("go on\n")
    host.stdin.flush()


def test_an_alert_that_was_answered_meanwhile_is_done(tmp_path: Path) -> None:
    firmware = Firmware(tmp_path / "fw.sock", time.monotonic_ns())
    with host_of(UPLINK, firmware.url, tmp_path) as host:
        assert line_of(host) == "up\n"
        firmware.stop()
        go_on(host)
        assert line_of(host) == "closes\n"
        time.sleep(0.2)  # in which it waits for the answer
        host.send_signal(signal.SIGSTOP)
        firmware.go_on()
        firmware.wait_for("alert")
        time.sleep(STARVED_S)
        host.send_signal(signal.SIGCONT)
        assert host.wait(60) == 0
    firmware.kill()
    results = [each for each in diary(tmp_path) if each["event"] == "alert_result"]
    assert [each["outcome"] for each in results] == ["done"], results


def test_an_engine_that_needs_no_longer_than_it_has_comes_back() -> None:
    with host_of(PIPELINE) as host:
        assert line_of(host) == "closes\n"
        time.sleep(0.2)  # in which it waits for the engine
        host.send_signal(signal.SIGSTOP)
        go_on(host)
        time.sleep(STARVED_S)
        host.send_signal(signal.SIGCONT)
        came_back, _ = host.communicate(timeout=60)
    assert (host.returncode, came_back) == (0, "True\n")
