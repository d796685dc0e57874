"""A quicker serial line: agreed on, used, and given up by both ends when it is dead."""

import contextlib
import os
import re
import struct
import subprocess
import sys
import termios
import time

import pytest

import firmware_bridge as fb
from tests.link.pty_firmware import firmware
from tests.link.rig import Rig

pytestmark = pytest.mark.once

ALERT = fb.Alert(kind=1, level=1, duration_ms=5)


@pytest.fixture
def port():
    """The name of a pty whose device spoils bytes that come at another speed than its own."""
    with firmware() as name:
        yield name


def speed_of(port):
    fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        return termios.tcgetattr(fd)[5]
    finally:
        os.close(fd)


def set_speed(port, speed):
    fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        settings = termios.tcgetattr(fd)
        settings[4] = settings[5] = speed
        termios.tcsetattr(fd, termios.TCSANOW, settings)
    finally:
        os.close(fd)


def test_both_ends_switch(port):
    with fb.connect(f"serial://{port}?baud=115200&quicker=3000000") as link:
        assert link.line == f"{port} at 115200 baud, then 3000000"
        assert speed_of(port) == termios.B3000000
        for _ in range(20):
            assert link.request(ALERT)
    with fb.connect(f"serial://{port}?baud=115200") as link:  # the next one begins as ever
        assert link.request(ALERT)


def test_a_speed_the_device_has_not_is_refused_and_the_link_goes_on(port):
    with fb.connect(f"serial://{port}?baud=115200&quicker=4000000") as link:
        assert re.search("not 4000000: .*status 2", link.line)
        assert link.request(ALERT)


def test_a_device_of_one_speed_is_left_alone(device):
    relay = [sys.executable, "-c", RELAY, str(device.path)]
    with subprocess.Popen(relay, stdout=subprocess.PIPE, text=True) as process:
        name = process.stdout.readline().strip()
        device.answer = lambda request: (3, b"") if request.type == 0xF8 else (0, b"")
        with fb.connect(f"serial://{name}?baud=115200&quicker=921600") as link:
            assert re.search("not 921600: .*unknown type", link.line)
            assert link.request(ALERT)
            assert speed_of(name) == termios.B115200
        process.kill()


RELAY = """
import os, select, socket, sys, tty
line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
master, slave = os.openpty()
tty.setraw(slave)
print(os.ttyname(slave), flush=True)
while True:
    for ready in select.select([line, master], [], [])[0]:
        if ready is line:
            os.write(master, line.recv(4096))
        else:
            line.sendall(os.read(master, 4096))
"""


def test_a_line_that_goes_dead_is_taken_back_by_both_ends(port):
    with fb.connect(f"serial://{port}?baud=115200&quicker=3000000") as link:
        set_speed(port, termios.B9600)  # as noise would: from now on nobody understands
        until = time.monotonic() + 20
        while not (link.stats.opens == 2 and link.state == "open"):
            assert time.monotonic() < until, (link.state, link.state_reason)
            time.sleep(0.01)
        assert "not 3000000: it went dead" in link.line
        assert speed_of(port) == termios.B115200
        assert link.request(ALERT, timeout=5)
        assert link.stats.errors["crc"] + link.stats.errors["cobs"] > 0, "the pty spoiled nothing"


def test_a_firmware_without_a_speed_to_set_says_so():
    rig = Rig().connect()
    rig.host.request(rig.now_us, 4, 0xF8, struct.pack("<I", 921600), None, 77)
    rig.run_until(lambda: 77 in rig.outcomes())
    assert rig.outcomes()[77] == (1, 3)


@pytest.mark.parametrize("value", ["fast", "-1"])
def test_a_speed_is_a_number(value):
    with pytest.raises(ValueError, match="quicker must be a baud rate"):
        fb.connect(f"serial:///dev/null?quicker={value}")


@pytest.mark.parametrize("body", [b"", b"\0\0\0", struct.pack("<I", 0), struct.pack("<I", 2**31)])
def test_a_speed_that_makes_no_sense_is_refused(port, body):
    with fb.connect(f"serial://{port}?baud=115200") as link:
        asked = link._connection.requests.submit("line speed", 4, 0xF8, body, 5.0)
        with contextlib.suppress(TimeoutError):
            assert isinstance(asked.exception(10), fb.RefusedError)
        assert link.request(ALERT)
