"""examples/own_messages: a firmware with its own messages, a host that has never heard of them."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

import firmware_bridge as fb
from firmware_bridge.decoding import readings
from firmware_bridge.recording import Recording
from tests.link.compiling import ROOT, program, tool

EXAMPLE = ROOT / "examples" / "own_messages"


def build(to):
    sources = (EXAMPLE / "device.c", ROOT / "csrc" / "firmware" / "port" / "host" / "build.c")
    return program(to, *sources, messages=EXAMPLE / "messages.inc", flags=("-Wl,--build-id=sha1",))


@pytest.fixture(scope="module")
def pump(tmp_path_factory):
    return build(tmp_path_factory.mktemp("pump") / "pump")


@contextmanager
def running(device):
    process = subprocess.Popen([device], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture
def port(pump):
    with running(pump) as name:
        yield name


def test_host_script_runs_the_pump_by_names_it_got_from_the_device(port, pump):
    done = subprocess.run(
        [sys.executable, EXAMPLE / "host.py", port, pump],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    *_, last, ready, start, stop = done.stdout.splitlines()
    assert ready == "info ready, full at 900 mm"
    assert start == "info to 2400 rpm in 2.0 s"
    assert stop == "info to 0 rpm in 0.1 s"
    level, unit, _, speed, rpm = last.split()
    assert (unit, rpm) == ("mm", "rpm")
    assert float(level) >= 5
    assert 0 < int(speed) <= 2400


def test_values_out_of_the_devices_bounds_are_refused_before_they_are_sent(port):
    with fb.connect(port) as link:
        with pytest.raises(ValueError, match=r"SetPump.speed must be in 0..3000, got 3001"):
            link.message("SetPump")(speed=3001)
        with pytest.raises(ValueError, match=r"the device has SetPump, tank$"):
            link.message("Alert")
        with pytest.raises(ValueError, match=r"type 1 is SetPump on this device, not Alert"):
            link.request(fb.Alert(kind=1, level=1))


def test_recording_of_it_holds_its_messages_and_replays_to_a_host_by_name(port, tmp_path):
    def link_command(*arguments):
        return [sys.executable, "-m", "edgecore.cli", "link", *arguments]

    drive = tmp_path / "pump.pcapng"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(link_command("record", port, drive, "-d", "1.5"), check=True, env=environment)
    assert "tank" in {reading.message for reading in readings(Recording(drive))}
    process = subprocess.Popen(
        link_command("replay", drive), stdout=subprocess.PIPE, text=True, env=environment
    )
    with process, fb.connect(process.stdout.readline().strip(), reconnect=False) as link:
        assert link.info.name == "pump"
        assert link.schema.by_name["SetPump"].field("ramp").default == 20
        with link.subscribe("tank") as tank:
            assert set(tank.read(timeout=10).dtype.names) == {"t_us", "level", "speed", "t_ns"}


def test_makefile_builds_it(tmp_path):
    subprocess.run([tool("make"), "-s", "-C", EXAMPLE, f"OUT={tmp_path}"], check=True)
    with running(tmp_path / "pump") as port, fb.connect(port) as link:
        assert link.info.name == "pump"
