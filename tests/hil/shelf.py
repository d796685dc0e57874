"""A board on a shelf, its supply switched by commands: the simulated firmware behind a pty.

    python -m tests.hil.shelf FOLDER on|off

It is found at FOLDER/port, remembers in FOLDER/flash, and takes images of FOLDER/author.pub.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path


def on(folder: Path) -> None:
    """Returns once it has a port."""
    command = [sys.executable, "-m", "firmware_bridge.sim", "--pty-link", str(folder / "port")]
    command += ["--flash", str(folder / "flash"), "--public-key", str(folder / "author.pub")]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    (folder / "pid").write_text(str(process.pid))
    assert process.stdout is not None
    if not process.stdout.readline():
        raise RuntimeError(f"the simulated firmware ended with {process.wait()}")


def off(folder: Path) -> None:
    """Whatever it is doing, it does not do it to the end."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
        (folder / "pid").unlink()
    (folder / "port").unlink(missing_ok=True)


if __name__ == "__main__":
    {"on": on, "off": off}[sys.argv[2]](Path(sys.argv[1]))
