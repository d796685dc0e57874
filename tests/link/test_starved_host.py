"""A host that was kept from running does not blame the device for what it missed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.link.author import Author
from tests.link.device import Device
from tests.link.powered import Powered
from tests.link.targets import PATIENCE_S, Target

pytestmark = pytest.mark.once

STARVED_S = 1.5
"""Longer than any silence that a host believes."""
REOPEN_AFTER_S = 6.0
"""Longer than a line may carry no session."""

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

WATCHER = """\
import sys, threading

import firmware_bridge as fb

states, lost = [], threading.Event()

def note(change):
    states.append(change.reason)
    if change.state == "lost":
        lost.set()

with fb.connect(sys.argv[1], timeout=float(sys.argv[2]), on_state=note) as link:
    print("open", flush=True)
    lost.wait()
    print("lost", flush=True)
    sys.stdin.readline()
    link.ping(timeout=float(sys.argv[2]))
print([reason for reason in states if "no answer for" in reason])
"""

CALLER = """\
import sys

from firmware_bridge import connect

print("calls", flush=True)
with connect(sys.argv[1], timeout=1.0) as link:
    print(link.state)
"""

UPDATER = """\
import sys, time

import firmware_bridge as fb

def progress(stored, length):
    if not told and stored < length:
        told.append(stored)
        print("sends", flush=True)
        sys.stdin.readline()

def activate(link, transfer):
    activated(link, transfer)
    print("activated", flush=True)
    sys.stdin.readline()
    while link.state == "open":
        time.sleep(0.01)
    print("lost", flush=True)
    sys.stdin.readline()

told = []
activated, fb.update.activate = fb.update.activate, activate
with fb.connect(sys.argv[1], timeout=float(sys.argv[2])) as link:
    installed = fb.update.install(link, sys.argv[3], progress=progress, timeout=1.0)
    print(installed.manifest.version)
"""


@contextlib.contextmanager
def host_of(script: str, url: str, *more: object) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", script, url, str(PATIENCE_S), *map(str, more)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as host:
        yield host


def line_of(host: subprocess.Popen[str]) -> str:
    assert host.stdout is not None
    return host.stdout.readline()


def starve(host: subprocess.Popen[str], seconds: float) -> None:
    host.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    host.send_signal(signal.SIGCONT)


def test_what_came_meanwhile_is_heard_before_silence_and_deadlines_are_judged(
    tmp_path: Path,
) -> None:
    target = Target("sim", tmp_path)
    with host_of(HOST, target.url) as host:
        assert line_of(host) == "asked\n"
        starve(host, STARVED_S)
        opens, _ = host.communicate("go on\n", PATIENCE_S)
    target.close()
    assert (host.returncode, opens) == (0, "1\n")


def test_line_is_not_given_up_for_what_was_not_listened_to(device: Device) -> None:
    with host_of(WATCHER, device.url) as host:
        assert line_of(host) == "open\n"
        device.go_deaf()
        assert line_of(host) == "lost\n"
        starve(host, REOPEN_AFTER_S)
        time.sleep(0.3)  # in which it looks at what it has, several times
        device.deaf.clear()
        given_up, _ = host.communicate("go on\n", PATIENCE_S)
    assert (host.returncode, given_up) == (0, "[]\n")


def go_on(host: subprocess.Popen[str]) -> None:
    assert host.stdin is not None
    host.stdin.write("go on\n")
    host.stdin.flush()


def test_an_update_is_not_given_up_for_what_was_not_listened_to(tmp_path: Path) -> None:
    author = Author(tmp_path)
    path = author.image(7, bytes(60_000))
    with Powered("sim", author) as device, host_of(UPDATER, device.url, path) as host:
        assert line_of(host) == "sends\n"
        device.stop()
        go_on(host)
        time.sleep(0.3)  # in which it waits for the device
        starve_while_it_goes_on(host, device)
        assert line_of(host) == "activated\n"
        device.stop()
        go_on(host)
        assert line_of(host) == "lost\n"
        go_on(host)
        time.sleep(0.3)
        starve_while_it_goes_on(host, device)
        version, _ = host.communicate(timeout=PATIENCE_S)
    assert (host.returncode, version) == (0, "7\n")


def test_a_device_that_answered_meanwhile_is_connected_to(tmp_path: Path) -> None:
    with Powered("sim", Author(tmp_path)) as device:
        device.stop()
        with host_of(CALLER, device.url) as host:
            assert line_of(host) == "calls\n"
            time.sleep(0.5)  # in which it waits for the device
            starve_while_it_goes_on(host, device)
            state, _ = host.communicate(timeout=PATIENCE_S)
    assert (host.returncode, state) == (0, "open\n")


def starve_while_it_goes_on(host: subprocess.Popen[str], device: Powered) -> None:
    """The device does meanwhile what the host waits for, and longer than the host waits."""
    host.send_signal(signal.SIGSTOP)
    device.go_on()
    time.sleep(STARVED_S)
    host.send_signal(signal.SIGCONT)
