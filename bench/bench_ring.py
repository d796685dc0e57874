"""A 3.1 MB frame from one Python process to another: from publishing it to its bytes being read.

The frame was written where the way lets it be written, as a camera would have, before the clock
starts; the receiver sleeps, and reads the stamp and the last byte. By the wall's clock, the ways in
turns, both ends on the one core; each receiver checks afterwards that the whole frame is right.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from bench import ring
from bench.conftest import Keep, Load
from bench.harness import Row
from bench.targets import RING

FRAMES = 500
TURN = 20  # frames in a row, as a camera sends them
PAUSE_S = 0.001  # the receiver has checked the frame, and goes to sleep again


class Way:
    """One implementation, with its receiver running."""

    def __init__(self, module: ModuleType, folder: str) -> None:
        place = str(Path(folder) / module.__name__.rpartition(".")[2])
        self.name = module.NAME
        self.sender = module.Sender(place, ring.SIZE)
        self.receiver = subprocess.Popen(
            [sys.executable, "-m", "bench.ring", module.__name__, place, str(FRAMES)],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.hear("ready\n")

    def send(self, number: int) -> None:
        frame = self.sender.frame()
        frame[:] = number % 251
        frame[:8].view(np.int64)[0] = time.monotonic_ns()
        self.sender.send()
        self.hear("checked\n")

    def hear(self, line: str) -> None:
        assert self.receiver.stdout is not None
        assert self.receiver.stdout.readline() == line, f"{self.name}: its receiver failed"

    def latencies_us(self) -> list[float]:
        told, _ = self.receiver.communicate()
        self.sender.close()
        assert self.receiver.returncode == 0, f"{self.name}: its receiver failed"
        return [ns / 1e3 for ns in json.loads(told)]


def test_a_frame_to_another_process(benchmark: Any, peers: Load, keep: Keep) -> None:
    modules = [
        ring,
        *peers("rings", "iceoryx", "shared_memory", "unix_socket", "zeromq"),
        *peers("rings", "bare_pipe"),
    ]
    roles = {ring.NAME: "edgecore", modules[-1].NAME: "yardstick"}
    with tempfile.TemporaryDirectory(prefix="ring-") as folder:
        ways = [Way(module, folder) for module in modules]
        starts = iter(range(0, FRAMES, TURN))

        def turn() -> None:
            start = next(starts)
            for way in ways:
                for number in range(start, start + TURN):
                    way.send(number)
                    time.sleep(PAUSE_S)

        benchmark.pedantic(turn, rounds=FRAMES // TURN)
        for way in ways:
            times = way.latencies_us()
            low, median, high = statistics.quantiles(times, n=4)
            p99 = statistics.quantiles(times, n=100)[-1]
            facts: dict[str, float | str] = {"us p50": round(median, 1), "us p99": round(p99, 1)}
            role = roles.get(way.name, "peer")
            keep(Row(RING, way.name, median, high - low, len(times), facts, role))
