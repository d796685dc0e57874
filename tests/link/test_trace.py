"""The newest bytes of a link: what is kept of them, and that it is a recording."""

from __future__ import annotations

import fcntl
import random
import socket
import termios

import pytest

import firmware_bridge as fb
from firmware_bridge._carrier import Carrier, traced
from firmware_bridge.decoding import readings
from firmware_bridge.recording import Recording
from firmware_bridge.replay import Player
from tests.link.attacker import KEY
from tests.link.device import Device
from tests.link.patience import wait_until

ENTRY_BYTES = 16


def kept(carrier):
    """Pieces by direction, and whether older ones were given up."""
    content, lost = carrier.trace()
    ways = {True: [], False: []}
    for to_device, t_us, data in traced(content):
        ways[to_device].append((t_us, data))
    return ways, lost, len(content)


def waiting(line):
    """Bytes that nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(line, termios.FIONREAD, bytes(4)), "little")


def heard(line):
    try:
        return line.recv(4096)
    except BlockingIOError:
        return b""


@pytest.mark.parametrize("capacity", [0, 1, 16, 17, 100, 1000, 1 << 20])
def test_trace_is_the_newest_bytes_of_the_line_within_its_bound(capacity):
    dice = random.Random(capacity)
    ours, theirs = socket.socketpair()
    sent, received = bytearray(), bytearray()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        carrier = Carrier(boot_id=3, trace_bytes=capacity)
        carrier.attach(ours.fileno())
        for _ in range(60):
            chunk = dice.randbytes(dice.randint(1, 90))
            theirs.sendall(chunk)
            sent += chunk
            wait_until(lambda: waiting(ours) == 0, 10)
        carrier.stop()
        while data := heard(theirs):
            received += data
        ways, lost, size = kept(carrier)
        carrier.detach()
    assert received, "it said HELLO"
    assert size <= capacity
    for way, whole in ((False, sent), (True, received)):
        joined = b"".join(data for _, data in ways[way])
        assert whole.endswith(joined)
        assert lost or capacity == 0 or joined == whole
        times = [t_us for t_us, _ in ways[way]]
        assert times == sorted(times)
    assert lost == (0 < capacity < 1 << 20)
    if capacity == 1000:
        assert size > capacity - 2 * (ENTRY_BYTES + 90), "it is full"


def recorded(link, path):
    path.write_bytes(b"".join(link.recorded()))
    return Recording(path)


def test_recorded_bytes_are_a_recording_of_what_was_said(device, tmp_path):
    with fb.connect(device.url, trace_bytes=1 << 20) as link, link.subscribe("imu") as imu:
        for i in range(30):
            assert link.request(fb.SetOutput(0, i), 5).payload == bytes([0, i])
        device.imu(20)
        count = 0
        while count < 20:
            count += len(imu.read(timeout=10))
        recording = recorded(link, tmp_path / "a.pcapng")
    assert recording.url == device.url
    assert recording.device == {
        **{"name": "test device", "version": "1.2", "boot_id": 5},
        "authenticated": False,
    }
    said = list(readings(recording))
    assert recording.cut is None
    assert all(reading.error is None for reading in said)
    sent = {
        r.head["id"]: r.records[0]["value"]
        for r in said
        if r.message == "SetOutput" and r.kind == "REQUEST"
    }
    assert list(sent.values()) == list(range(30))
    assert [r.records[0]["accel_x"] for r in said if r.message == "imu"] == list(range(20))
    again = recorded(link, tmp_path / "closed.pcapng")
    assert list(again)[: len(said)] == list(recording), "a closed link has it still"


def test_bytes_that_begin_amid_a_session_begin_with_a_frame_and_can_be_played(device, tmp_path):
    with fb.connect(device.url, trace_bytes=4000) as link:
        for i in range(200):
            link.request(fb.SetOutput(0, i), 5)
        recording = recorded(link, tmp_path / "a.pcapng")
    said = list(readings(recording))
    assert all(reading.error is None for reading in said)
    assert "HELLO" not in {reading.kind for reading in said}
    values = [r.records[0]["value"] for r in said if r.kind == "REQUEST"]
    assert values == list(range(values[0], 200))
    assert len(values) > 10
    assert Player(recording).session is not None


def test_a_session_with_a_key_is_said_to_be_sealed(tmp_path):
    device = Device(tmp_path / "fw.sock", key=KEY)
    try:
        with fb.connect(device.url, key=KEY, trace_bytes=2000) as link:
            for i in range(100):
                link.request(fb.SetOutput(0, i), 5)
            recording = recorded(link, tmp_path / "a.pcapng")
        assert recording.sealed
        said = [r for r in readings(recording, KEY) if r.kind == "REQUEST"]
        assert [r.records[0]["value"] for r in said][-1] == 99
        assert KEY.hex() not in (tmp_path / "a.pcapng").read_bytes().hex()
    finally:
        device.die()


def test_a_link_that_keeps_nothing_records_nothing(link, tmp_path):
    link.request(fb.SetOutput(0, 1), 5)
    assert list(recorded(link, tmp_path / "a.pcapng")) == []


@pytest.mark.parametrize("boot_id", [0, -1, 2**32, "5", None, 1.5])
def test_a_head_that_names_no_device_is_no_device(tmp_path, boot_id):
    from firmware_bridge.recording import Recorder
    from firmware_bridge.schema import COMPILED

    device = {"name": "n", "version": "v", "boot_id": boot_id}
    with Recorder(tmp_path / "a.pcapng", url="test", device=device) as recorder:
        recorder.table(COMPILED)
    with pytest.raises(fb.RecordingError, match="the device never said HELLO in it"):
        Player(Recording(tmp_path / "a.pcapng"))
