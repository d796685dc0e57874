"""A host that was kept from running does not blame the device for what it missed."""

import signal
import subprocess
import sys
import time

import pytest

from tests.link.targets import PATIENCE_S, Target

pytestmark = pytest.mark.once

STARVED_S = 1.5
"""Longer than any silence that a host believes."""

HOST = """\
import sys

import firmware_bridge as fb

with fb.connect(sys.argv[1], timeout=float(sys.argv[2])) as link:
    alerts = [link.submit(fb.Alert(kind=1, level=1), 1.0) for _ in range(4)]
    print("asked", flush=True)
    sys.stdin.readline()
    for alert in alerts:
        alert.result(float(sys.argv[2]))
    link.ping()
    print(link.stats.opens)
"""


def test_what_came_meanwhile_is_heard_before_silence_and_deadlines_are_judged(tmp_path):
    target = Target("sim", tmp_path)
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, target.url, str(PATIENCE_S)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with host:
        assert host.stdin is not None
        assert host.stdout is not None
        assert host.stdout.readline() == "asked\n"
        host.send_signal(signal.SIGSTOP)
        time.sleep(STARVED_S)
        host.send_signal(signal.SIGCONT)
        opens, _ = host.communicate("go on\n", PATIENCE_S)
    target.close()
    assert (host.returncode, opens) == (0, "1\n")
