"""The simulated firmware as a process, and the lines it prints."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

PATIENCE_S = 30.0


class Sim:
    """A child process and the lines it has printed."""

    def __init__(self, *arguments: str, **popen: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "firmware_bridge.sim", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **popen,
        )
        assert self.process.stdout is not None
        self._buffer = b""
        self.events: list[dict[str, Any]] = []

    def wait_for(self, event: str) -> dict[str, Any]:
        """The next event of this name; those before it are kept in `events`."""
        deadline = time.monotonic() + PATIENCE_S
        out = self.process.stdout
        assert out is not None
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            while True:
                while b"\n" in self._buffer:
                    line, _, self._buffer = self._buffer.partition(b"\n")
                    self.events.append(json.loads(line))
                    if self.events[-1]["event"] == event:
                        return self.events[-1]
                assert selector.select(deadline - time.monotonic()), f"no {event!r} in time"
                piece = os.read(out.fileno(), 65536)
                assert piece, f"the process ended before {event!r}"
                self._buffer += piece

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@contextlib.contextmanager
def running(*arguments: str, **popen: Any) -> Iterator[Sim]:
    sim = Sim(*arguments, **popen)
    try:
        yield sim
    finally:
        sim.close()
