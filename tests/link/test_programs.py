"""Programs whose standard input and output are the line."""

import contextlib
import shlex
import sys

import pytest

import firmware_bridge as fb
from tests.link.targets import PATIENCE_S

LED = fb.SetOutput(output=0, value=255)

DEVICE = """
import os, select, sys, time
from firmware_bridge._link import Session
from firmware_bridge.events import Requested
now_us = lambda: time.monotonic_ns() // 1000
session = Session(device=True, boot_id=int(sys.argv[1]), name="a program", now_us=now_us())
while True:
    came = os.read(0, 4096) if select.select([0], [], [], 0.001)[0] else None
    if came == b"":
        break
    for event in session.input(now_us(), came or b""):
        if isinstance(event, Requested):
            session.result(event.handle, 0, sys.argv[1].encode())
    os.write(1, session.output(now_us()))
"""


def test_links_to_programs_work_side_by_side():
    urls = [
        f"exec:{shlex.join([sys.executable, '-c', DEVICE, str(boot_id)])}"
        for boot_id in range(11, 15)
    ]
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(fb.connect(url, PATIENCE_S)) for url in urls]
        assert [link.info.boot_id for link in links] == [11, 12, 13, 14]
        assert {link.info.name for link in links} == {"a program"}
        futures = [link.submit(LED, 10) for _ in range(50) for link in links]
        answers = [future.result(20).payload for future in futures]
    assert answers == [b"11", b"12", b"13", b"14"] * 50
    assert all(link.state == "closed" for link in links)


@pytest.mark.parametrize(
    ("url", "error", "text"),
    [
        ("exec:", ValueError, "expected exec:COMMAND"),
        ("exec:'never ends", ValueError, "No closing quotation"),
        ("exec:/no/such/program", fb.BridgeConnectionError, "No such file"),
        (f"exec:{sys.executable} -c 0", fb.BridgeConnectionError, "no answer from the firmware"),
    ],
)
def test_program_that_is_none_is_one_clear_error(url, error, text):
    with pytest.raises(error, match=text):
        fb.connect(url, timeout=0.5)


def test_simulated_firmware_may_take_longer_to_start_than_a_device_to_answer(tmp_path, monkeypatch):
    slow = tmp_path / "python"
    slow.write_text(f'#!/bin/sh\nsleep 1.5\nexec {shlex.quote(sys.executable)} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setattr("firmware_bridge.transport.sys.executable", str(slow))
    with fb.connect("sim:", timeout=1.0) as link:
        assert link.state == "open"


def test_simulated_firmware_that_never_starts_is_one_clear_error(tmp_path, monkeypatch):
    stuck = tmp_path / "python"
    stuck.write_text("#!/bin/sh\nexec sleep 600\n")
    stuck.chmod(0o755)
    monkeypatch.setattr("firmware_bridge.transport.sys.executable", str(stuck))
    monkeypatch.setattr("firmware_bridge.transport._SIM_STARTS_WITHIN_S", 0.2)
    with pytest.raises(fb.BridgeConnectionError, match=r"said nothing within 0\.2 s"):
        fb.connect("sim:", timeout=0.1)
