"""The simulated firmware as a process of its own, for tests in which either end dies."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 100.0


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


class Firmware:
    """Listens on a Unix socket and outlives the agent; what it reports collects in `events`."""

    def __init__(self, socket: Path, epoch_ns: int) -> None:
        self.url = f"unix://{socket}"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "firmware_bridge.sim", "--listen", f"unix:{socket}"),
                *("--epoch-ns", str(epoch_ns)),
            ],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(),
        )
        self.events: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for("listening")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()

    def names(self) -> list[str]:
        with self._changed:
            return [event["event"] for event in self.events]

    def wait_for(self, name: str, after: int = 0) -> int:
        """How many events there were up to the first of this name beyond the first `after`."""
        with self._changed:

            def found() -> bool:
                return any(event["event"] == name for event in self.events[after:])

            came = self._changed.wait_for(found, timeout=PATIENCE_S)
            assert came, f"no {name!r} in {self.events}"
            names = [event["event"] for event in self.events]
            return names.index(name, after) + 1

    def stop(self) -> None:
        """It stands still."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextlib.contextmanager
def firmware_before(folder: Path, scene_s: float) -> Iterator[tuple[Firmware, int]]:
    """A firmware that is up when its scenario has yet to come to that second, and the scenario's
    time zero; however long a busy machine takes to start it."""
    lead_s = 1.0
    while True:
        epoch_ns = time.monotonic_ns() - round((scene_s - lead_s) * 1e9)
        firmware = Firmware(folder / "fw.sock", epoch_ns)
        if time.monotonic_ns() < epoch_ns + scene_s * 1e9:
            break
        firmware.kill()
        lead_s *= 2
    try:
        yield firmware, epoch_ns
    finally:
        firmware.kill()


def wait_for_scene(epoch_ns: int, scene_s: float) -> None:
    """Until the scenario has come to that second."""
    time.sleep(max(0.0, scene_s - (time.monotonic_ns() - epoch_ns) / 1e9))
