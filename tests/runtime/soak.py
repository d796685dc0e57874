"""Runs the agent for long while its engine is killed, its link cut and its camera stalled.

`python -m tests.runtime.soak VIDEO SECONDS HURRY` prints its findings as JSON, and each fault as
it comes to stderr. The agent is `edgecore run` with an isolated engine, on a camera process that
serves a looped video by RTSP, and on the simulated firmware behind a fault bridge. At HURRY 1 the
engine is killed every minute, the link cut every two and the camera stalled every three; at 10 ten
times as often.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from edgecore.isolation.process import CHILD
from edgecore.testing.agent import AgentProcess
from edgecore.testing.dut import Dut
from tests.runtime import rtsp_server

PATIENCE_S = 60.0
KILL_S, CUT_S, STALL_S = (15.0, 60.0), (30.0, 120.0), (45.0, 180.0)
"""When the first of them comes, and how often; all apart from each other."""
CUT_FOR_S, STALLED_FOR_S = 5.0, 8.0
"""A camera that is silent for five seconds is given up, and found again once it speaks."""
QUIET_S = 6.0
"""After the last fault; then nothing is in the air that was not before."""

RULES = """
[[rule]]
type = "zone"
polygon = [[0.0, 0.3], [1.0, 0.3], [1.0, 1.0], [0.0, 1.0]]
classes = ["car", "truck", "bus"]
enter_s = 0.1
leave_s = 0.4
alert = { level = 1, duration_ms = 200 }

[[rule]]
type = "driving"
alert = { level = 2, duration_ms = 200 }
"""
# The firmware may execute an alert late: it is counted, not timed.
SETTINGS = {"detector": {"isolated": True}, "alert": {"deadline_s": 30}, "flight": {"files": 3}}


@dataclass
class Findings:
    """What came of it; sizes in MB of 10^6 bytes."""

    seconds: float = 0.0
    frames: int = 0
    engines_killed: int = 0
    next_detection_ms: list[float] = field(default_factory=list)
    links_cut: int = 0
    link_up_after_plug_ms: list[float] = field(default_factory=list)
    cameras_stalled: int = 0
    frame_after_stall_ms: list[float] = field(default_factory=list)
    alerts: int = 0
    alerts_raised_without_a_link: int = 0
    alerts_acknowledged: int = 0
    alerts_executed_by_the_firmwares_count: int = 0
    alerts_executed_by_the_firmwares_diary: int = 0
    alerts_without_exactly_one_result: int = 0
    deaths_not_told: int = 0
    engines_ended_by_the_watchdog: int = 0
    links_lost_besides: int = 0
    rss_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    engines: list[int] = field(default_factory=list)
    processes_left: int = 0
    folders_left: int = 0


class Soak:
    def __init__(self, folder: Path, video: str, hurry: float) -> None:
        self.found = Findings()
        self.hurry = hurry
        self.camera = subprocess.Popen(
            [sys.executable, rtsp_server.__file__, "0", video], stdout=subprocess.PIPE, text=True
        )
        assert self.camera.stdout is not None
        port = int(self.camera.stdout.readline())
        self.dut = Dut("sim")
        self.agent = AgentProcess(self.dut, folder / "agent")
        rules = folder / "rules.toml"
        rules.write_text(RULES)
        self.agent.start(f"rtsp://127.0.0.1:{port}/road", rules=rules, settings=SETTINGS)
        self.disturbed_s = time.monotonic()

    def close(self) -> None:
        self.agent.kill()
        self.dut.close()
        self.camera.kill()
        self.camera.wait()
        assert self.camera.stdout is not None
        self.camera.stdout.close()

    def engines(self) -> list[psutil.Process]:
        """The serving one first."""
        of_agent = psutil.Process(self.agent.pid).children()
        engines = [one for one in of_agent if CHILD in one.cmdline()]
        return sorted(engines, key=lambda one: one.create_time())

    def frame_after(self, t_ns: int) -> int:
        """When the device heard of the first frame after that time, CLOCK_MONOTONIC ns."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            since = [seen for seen in self.dut.traffic if (seen.t_ns or 0) > t_ns]
            for seen in since:
                if seen.message == "DetectionSummary":
                    return seen.t_ns or 0
            time.sleep(0.02)
        raise AssertionError(f"no frame within {PATIENCE_S} s: {self.agent.events[-5:]}")

    def kill(self) -> None:
        """A machine that is busy with other work may have the watchdog end an engine, too."""
        known, now_ns = len(self.agent.events), time.monotonic_ns()
        self.engines()[0].kill()
        until_s = time.monotonic() + PATIENCE_S
        told: list[dict[str, Any]] = []
        while not told and time.monotonic() < until_s:
            told = [
                each
                for each in self.agent.events[known:]
                if each["event"] == "engine_error" and "killed by SIGKILL" in each["reason"]
            ]
            time.sleep(0.02)
        self.found.engines_killed += 1
        if not told:
            self.found.deaths_not_told += 1
            return
        back_ns = self.frame_after(told[0]["t_ns"])
        self.found.next_detection_ms.append((back_ns - now_ns) / 1e6)

    def cut(self) -> None:
        known = len(self.agent.events)
        self.dut.faults.unplug()
        time.sleep(max(1.5, CUT_FOR_S / self.hurry))
        now_ns = time.monotonic_ns()
        self.dut.faults.plug()
        told = self.agent.wait_for("link_up", after=known)
        self.found.links_cut += 1
        self.found.link_up_after_plug_ms.append((told["t_ns"] - now_ns) / 1e6)

    def stall(self) -> None:
        known = len(self.agent.events)
        self.camera.send_signal(signal.SIGSTOP)
        time.sleep(STALLED_FOR_S)
        self.agent.wait_for("source_lost", after=known)
        now_ns = time.monotonic_ns()
        self.camera.send_signal(signal.SIGCONT)
        back_ns = self.frame_after(now_ns)
        self.found.cameras_stalled += 1
        self.found.frame_after_stall_ms.append((back_ns - now_ns) / 1e6)

    def look(self) -> None:
        """What the agent has, in the quiet."""
        agent, found = psutil.Process(self.agent.pid), self.found
        found.rss_mb.append(round(agent.memory_info().rss / 1e6, 1))
        found.descriptors.append(agent.num_fds())
        found.threads.append(agent.num_threads())
        found.engines.append(len(self.engines()))

    def run(self, seconds: float) -> Findings:
        found = self.found
        self.agent.wait_for("run_started")
        begun_s = time.monotonic()
        self.frame_after(time.monotonic_ns())
        due: list[tuple[float, float, Callable[[], None]]] = [
            (begun_s + first_s / self.hurry, every_s / self.hurry, fault)
            for (first_s, every_s), fault in (
                (KILL_S, self.kill),
                (CUT_S, self.cut),
                (STALL_S, self.stall),
            )
        ]
        looked_s = 0.0
        while (now_s := time.monotonic()) < begun_s + seconds:
            # Decoded as it comes: a heap of it would hold up the thread of the line.
            assert self.dut.traffic
            next_s, every_s, fault = min(due, key=lambda one: one[0])
            if now_s >= next_s:
                due.remove((next_s, every_s, fault))
                due.append((next_s + every_s, every_s, fault))
                fault()
                self.disturbed_s = time.monotonic()
                took_s = self.disturbed_s - now_s
                told = f"{now_s - begun_s:.1f} s: {fault.__name__}, {took_s:.1f} s"
                print(told, file=sys.stderr, flush=True)
            elif now_s - max(looked_s, self.disturbed_s) > QUIET_S / self.hurry:
                self.look()
                looked_s = now_s
            time.sleep(0.05)
        self.frame_after(time.monotonic_ns())
        self.look()
        found.seconds = round(time.monotonic() - begun_s, 1)
        self.conclude(self.agent.stop())
        return found

    def conclude(self, summary: dict[str, Any]) -> None:
        found, diary = self.found, self.agent.events
        found.frames = summary["frames"]
        found.alerts = summary["alerts"]
        found.alerts_acknowledged = summary["alerts_acknowledged"]
        results = [each["alert"] for each in diary if each["event"] == "alert_result"]
        raised = [each["alert"] for each in diary if each["event"] == "alert"]
        found.alerts_without_exactly_one_result = len(raised) - len(set(raised) & set(results))
        found.alerts_without_exactly_one_result += len(results) - len(set(results))
        kinds = Counter(each["event"] for each in diary)
        found.engines_ended_by_the_watchdog = kinds["engine_error"] - found.engines_killed
        found.links_lost_besides = kinds["link_down"] - found.links_cut
        up = False
        for each in diary:
            if each["event"] in ("link_up", "link_down"):
                up = each["event"] == "link_up"
            found.alerts_raised_without_a_link += each["event"] == "alert" and not up
        said = [json.loads(line) for line in self.dut.logs.splitlines() if line.startswith("{")]
        found.alerts_executed_by_the_firmwares_diary = sum(
            each["event"] == "alert" for each in said
        )
        with self.dut.connect() as link, link.subscribe("status") as records:
            status = next(iter(records))
        found.alerts_executed_by_the_firmwares_count = int(status["alerts"][-1])


def main(video: str, seconds: str, hurry: str) -> None:
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        scratch = folder / "scratch"
        scratch.mkdir()
        tempfile.tempdir = os.environ["TMPDIR"] = str(scratch)
        soak = Soak(folder, video, float(hurry))
        try:
            found = soak.run(float(seconds))
        finally:
            soak.close()
        found.processes_left = len(psutil.Process().children(recursive=True))
        found.folders_left = len(list(scratch.iterdir()))
        print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main(*sys.argv[1:])
