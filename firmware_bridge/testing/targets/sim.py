"""The reference firmware as a process of this machine."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from firmware_bridge.errors import BridgeConnectionError
from firmware_bridge.testing.ports import ports
from firmware_bridge.testing.targets.target import Target, TargetError, check_step
from firmware_bridge.transport import Port
from firmware_bridge.url_options import url_options

_CAPABILITIES = {"power", "reset", "freeze", "stall", "step", "logs"}
_STEP_MAX_S = 1e9


class SimTarget(Target):
    """`sim`, or `sim:?seed=7&flash=FILE`: options of `python -m firmware_bridge.sim`.

    A reset is the death of the process and another one. Frozen, it stands still, and its clock too.

    Raises:
        ValueError: something else than options stands behind the colon, or an epoch_ns among them.
    """

    def __init__(self, spec: str = "sim") -> None:
        super().__init__()
        self.name = spec
        self.capabilities = ports()["host"].capabilities | _CAPABILITIES
        between = spec.partition("?")[0].removeprefix("sim").removeprefix(":")
        if between:
            raise ValueError(f"expected sim or sim:?OPTION=VALUE, got {between!r} between")
        given = url_options(spec)
        if "epoch_ns" in given:
            raise ValueError("a scenario begins when the device does; expected no epoch_ns")
        self._options = [
            word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value)
        ]
        # Files without names: a run that is killed leaves nothing behind.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        self._clock = tempfile.TemporaryFile()  # noqa: SIM115 - this too
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._frozen_ns: int | None = None
        self._ahead_us = 0

    def open(self) -> Port:
        """The stream of the process that runs now; each is handed out once."""
        with self.lock:
            line, self._line = self._line, None
        if line is None:
            raise BridgeConnectionError(f"{self.name}: it is off")
        return Port(line.fileno(), 0, self.name, [line.close])

    def start(self) -> None:
        """Starts the process, also where it ended by itself."""
        with self.lock:
            if self._process is not None and self._process.poll() is None:
                return
            self.stop()
            self.scene_epoch_ns = time.monotonic_ns()
            os.pwrite(self._clock.fileno(), bytes(8), 0)
            self._ahead_us, self._frozen_ns = 0, None
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            command = [sys.executable, "-m", "firmware_bridge.sim", "--fd", str(theirs.fileno())]
            command += ["--epoch-ns", str(self.scene_epoch_ns)]
            command += ["--clock", f"/proc/self/fd/{self._clock.fileno()}", *self._options]
            with theirs:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=self._said,
                    stderr=self._said,
                    pass_fds=[theirs.fileno(), self._clock.fileno()],
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
        """SIGSTOP; it has stopped on return."""
        with self.lock:
            if self._process is None or self._frozen_ns is not None:
                return
            trouble = self.trouble()
            if trouble is not None:
                raise TargetError(f"{self.name}: freeze: {trouble}")
            self._process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            self._frozen_ns = time.monotonic_ns()

    def thaw(self) -> None:
        """SIGCONT, after its clock has been put back by how long it was frozen."""
        with self.lock:
            if self._process is None or self._frozen_ns is None:
                return
            self._shift((self._frozen_ns - time.monotonic_ns()) // 1000)
            self._frozen_ns = None
            self._process.send_signal(signal.SIGCONT)

    def step(self, seconds: float) -> None:
        """Its clock is ahead by so much more, up to 31 years."""
        check_step(seconds, _STEP_MAX_S)
        with self.lock:
            if self._process is None:
                raise TargetError(f"{self.name}: step: expected power on, it is off")
            self._shift(round(seconds * 1e6))

    def _shift(self, us: int) -> None:
        """The scenario is of the device's clock."""
        self._ahead_us += us
        os.pwrite(self._clock.fileno(), struct.pack("=q", self._ahead_us), 0)
        if self.scene_epoch_ns is not None:
            self.scene_epoch_ns -= us * 1000

    def logs(self) -> str:
        """Its diary, one line of JSON per change of state; all boots of it."""
        with self.lock:
            if self._said.closed:
                return ""
            said = self._said.fileno()
            return os.pread(said, os.fstat(said).st_size, 0).decode(errors="replace")

    def trouble(self) -> str | None:
        """Whether the process ended by itself."""
        with self.lock:
            if self._process is None or self._process.poll() is None:
                return None
            said = self.logs().strip().splitlines()
            return f"the process ended with {self._process.returncode}: {' '.join(said[-1:])}"

    def close(self) -> None:
        """Ends it; what it wrote is gone."""
        with self.lock:
            self.stop()
            self._said.close()
            self._clock.close()
