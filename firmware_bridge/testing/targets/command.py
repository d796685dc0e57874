"""One command of a rig: run until it ends or its time is over."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_OUTPUT_MAX = 1 << 16
_ENDS_WITHIN_S = 5.0


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: its exit status; negative: the signal that ended it; None: its time was over, and
            it was killed.
        said: what it printed, the last 64 KiB.
    """

    status: int | None
    said: str


def run_command(words: Sequence[str], *, folder: Path, timeout_s: float) -> Ended:
    """Runs it in the folder, without input.

    What it left running in the background lives on, also with its output open. When its time is
    over, or Ctrl-C comes, all processes that it started are killed with it.

    Raises:
        OSError: it cannot be started.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        status: int | None = None
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            _kill(process)
        except BaseException:
            _kill(process)
            raise
        return Ended(status, _tail(output))


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # One that a driver holds ends when that lets it go.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_ENDS_WITHIN_S)


def _tail(output: IO[bytes]) -> str:
    output.seek(max(0, output.seek(0, os.SEEK_END) - _OUTPUT_MAX))
    said = output.read().decode(errors="replace")
    return said.replace("\r\n", "\n").replace("\r", "\n").rstrip()
