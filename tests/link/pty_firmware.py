"""The simulated firmware behind a pty, as a device behind a serial port."""

import contextlib
import re
import subprocess
import sys


@contextlib.contextmanager
def firmware(*arguments):
    """A simulated device, started so, behind a pty; yields the pty's name."""
    command = [sys.executable, "-m", "firmware_bridge.sim", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"serial://([^\"?]+)", process.stdout.readline())[1]
        finally:
            process.kill()
