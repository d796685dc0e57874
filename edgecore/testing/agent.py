"""The agent, as it runs on a device: a process of its own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecore.testing.camera import Shot
from edgecore.testing.dut import Dut

_END_S = 30.0
_LOOK_S = 0.02
_TOLD = 40


class AgentProcess:
    """`edgecore run` on the device's line; the fixture `edge_agent`.

    It holds the line, so a test with an agent has no `edge_link` beside it and listens with
    `edge_dut.heard` and `edge_dut.wait_for`.

    Attributes:
        folder: what it leaves behind: events.jsonl, summary.json, output.txt.
    """

    def __init__(self, dut: Dut, folder: Path) -> None:
        self.folder = folder
        self._dut = dut
        self._process: subprocess.Popen[bytes] | None = None
        self._events: list[dict[str, Any]] = []
        self._read_bytes = 0

    def start(
        self,
        source: Shot | str,
        *,
        model: Path | str | None = None,
        rules: Path | str | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Starts it; a second call starts it anew.

        Args:
            source: what it sees.
            model: a TFLite file; None: the embedded road model.
            rules: a TOML file of rules; None: forward collision.
            settings: tables of its configuration file, such as `{"alert": {"deadline_s": 5}}`.

        Raises:
            RuntimeError: a link of this test holds the line, which takes one host.
            ValueError: a setting that TOML has no words for.
        """
        from edgecore.isolation.starting import start  # which brings numpy

        self.kill()
        self._dut.lend_line(lambda: self.running)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._events, self._read_bytes = [], 0
        for name in ("events.jsonl", "summary.json"):
            (self.folder / name).unlink(missing_ok=True)
        config = self.folder / "agent.toml"
        config.write_text(_toml(settings or {}))
        command = [sys.executable, "-m", "edgecore.cli", "run", "--annotate", "none"]
        if shutil.which("setpriv"):  # its source may have no end, and nobody else would end it
            command = ["setpriv", "--pdeathsig", "TERM", *command]
        command += ["--config", str(config), "--out", str(self.folder), "--link", self._dut.url]
        command += ["--source", source.source if isinstance(source, Shot) else source]
        command += [] if model is None else ["--model", str(model)]
        command += [] if rules is None else ["--rules", str(rules)]
        with (self.folder / "output.txt").open("wb") as output:
            self._process = start(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    @property
    def pid(self) -> int | None:
        """Of the process; None: it was not started."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def output(self) -> str:
        """What it printed."""
        path = self.folder / "output.txt"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it wrote into its diary so far, oldest first."""
        path = self.folder / "events.jsonl"
        if path.exists():
            with path.open("rb") as diary:
                diary.seek(self._read_bytes)
                for line in diary:
                    if line.endswith(b"\n"):
                        self._events.append(json.loads(line))
                        self._read_bytes += len(line)
        return list(self._events)

    def wait_for(self, event: str, *, after: int = 0, timeout: float = 60.0) -> dict[str, Any]:
        """The first event of that name beyond the first `after` events of the diary.

        Raises:
            RuntimeError: the agent ended without; the text has what it printed.
            TimeoutError: none came in time; the text has the events that did.
        """
        until_s = time.monotonic() + timeout
        while True:
            alive = self.running
            for found in self.events[after:]:
                if found["event"] == event:
                    return found
            if not alive:
                raise RuntimeError(f"the agent ended without {event!r}:\n{self.output}")
            if time.monotonic() > until_s:
                names = [found["event"] for found in self.events]
                raise TimeoutError(f"no {event!r} within {timeout} s, only {names}")
            time.sleep(_LOOK_S)

    def stop(self) -> dict[str, Any]:
        """Ends it as SIGTERM does, and returns its summary.

        Raises:
            RuntimeError: it ended in failure, or left no summary; the text has what it printed.
        """
        if self._process is None:
            raise RuntimeError("the agent was not started")
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        status = self._process.wait(_END_S)
        path = self.folder / "summary.json"
        if status != 0 or not path.exists():
            raise RuntimeError(f"the agent ended with {status}:\n{self.output}")
        summary: dict[str, Any] = json.loads(path.read_text())
        return summary

    def story(self) -> list[tuple[str, str]]:
        """Titled texts for the report of a test that failed."""
        events = "\n".join(json.dumps(event) for event in self.events[-_TOLD:])
        output = "\n".join(self.output.splitlines()[-_TOLD:])
        told = [("edgecore agent, its last events", events), ("edgecore agent, its output", output)]
        return [(title, text) for title, text in told if text]

    def kill(self) -> None:
        """SIGKILL; does nothing when it is not there."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP: it hangs, all its threads."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)


def _toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Tables of numbers, texts and lists of these, whose JSON is also TOML."""
    lines = []
    for name, table in tables.items():
        lines.append(f"[{name}]")
        for key, value in table.items():
            if not isinstance(value, bool | int | float | str | list | tuple):
                raise ValueError(
                    f"settings: {name}.{key}: expected a number, a text, a bool or a list of them, "
                    f"got {value!r}"
                )
            lines.append(f"{key} = {json.dumps(value)}")
    return "\n".join([*lines, ""])
