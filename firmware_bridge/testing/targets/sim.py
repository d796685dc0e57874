"""The reference firmware as a process of this machine."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import parse_qsl

from firmware_bridge.errors import BridgeConnectionError
from firmware_bridge.testing.ports import ports
from firmware_bridge.testing.targets.target import Target, TargetError
from firmware_bridge.transport import Port


class SimTarget(Target):
    """`sim`, or `sim:?seed=7&flash=FILE`: options of `python -m firmware_bridge.sim`.

    A reset is the death of the process and another one. Frozen, it stands still while its clock,
    which is the machine's, runs on.
    """

    def __init__(self, spec: str = "sim") -> None:
        super().__init__()
        self.name = spec
        self.capabilities = ports()["host"].capabilities | {"power", "reset", "freeze", "logs"}
        self._options = [
            word
            for name, value in parse_qsl(spec.partition("?")[2], keep_blank_values=True)
            for word in (f"--{name.replace('_', '-')}", value)
        ]
        self._folder = Path(tempfile.mkdtemp(prefix="edgecore-sim-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def open(self) -> Port:
        """The stream of the process that runs now; each is handed out once."""
        with self.lock:
            line, self._line = self._line, None
        if line is None:
            raise BridgeConnectionError(f"{self.name}: it is off")
        return Port(line.fileno(), 0, self.name, [line.close])

    def start(self) -> None:
        """Starts the process."""
        with self.lock:
            if self._process is not None:
                return
            self.scene_epoch_ns = time.monotonic_ns()
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            command = [sys.executable, "-m", "firmware_bridge.sim", "--fd", str(theirs.fileno())]
            command += ["--epoch-ns", str(self.scene_epoch_ns), *self._options]
            with theirs, (self._folder / "said").open("ab") as said:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # Ctrl-C in the terminal is for the tests
                )
            self._line = ours

    def stop(self) -> None:
        """Kills the process."""
        with self.lock:
            process, self._process = self._process, None
            if process is not None:
                process.kill()
                process.wait()
            if self._line is not None:
                self._line.close()
                self._line = None

    def reset(self) -> None:
        """Kills the process and starts another."""
        with self.lock:
            if self._process is None:
                raise TargetError(f"{self.name}: reset: expected power on, it is off")
            self.stop()
            self.start()

    def freeze(self) -> None:
        """SIGSTOP."""
        with self.lock:
            if self._process is not None:
                self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        with self.lock:
            if self._process is not None:
                self._process.send_signal(signal.SIGCONT)

    def logs(self) -> str:
        """Its diary, one line of JSON per change of state; all boots of it."""
        path = self._folder / "said"
        return path.read_text(errors="replace") if path.exists() else ""

    def trouble(self) -> str | None:
        """Whether the process ended by itself."""
        with self.lock:
            if self._process is None or self._process.poll() is None:
                return None
            said = self.logs().strip().splitlines()
            return f"the process ended with {self._process.returncode}: {' '.join(said[-1:])}"

    def close(self) -> None:
        """Ends it and removes what it wrote."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
