import os
import resource
import signal
import struct
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware_bridge as fb
from firmware_bridge.codec import Decoder
from firmware_bridge.decoding import readings
from firmware_bridge.doors import Door
from firmware_bridge.recording import Recorder, Recording, Splitter
from firmware_bridge.relay import Relay
from firmware_bridge.schema import COMPILED
from tests.link import drive
from tests.link.compiling import ROOT
from tests.link.patience import wait_until


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    path = tmp_path_factory.mktemp("recorded") / "drive.pcapng"
    drive.record(path)
    return path


def begun(path):
    recorder = Recorder(path, url="test", device={"name": "n", "version": "v"})
    recorder.table(COMPILED)
    return recorder


@given(st.binary(max_size=3000), st.data())
def test_pieces_are_the_bytes_and_hold_the_frames_of_the_stream(noise, data):
    stream = bytearray(noise)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(stream)))
        stream[at:at] = b"\0" + fb.codec.encode(2, 0x40, data.draw(st.binary(max_size=40)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    splitter, pieces = Splitter(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        pieces += splitter.feed(start, bytes(stream[start:end]))
    pieces += splitter.flush()
    assert b"".join(piece for _, piece in pieces) == stream
    assert [since for since, _ in pieces] == sorted(since for since, _ in pieces)
    decoder, whole = Decoder(), Decoder()
    frames = [decoder.feed(piece) for _, piece in pieces]
    assert all(len(found) <= 1 for found in frames)
    assert [one for found in frames for one in found] == whole.feed(bytes(stream))
    assert decoder.errors == whole.errors


def test_recording_explains_itself(recorded):
    recording = Recording(recorded)
    assert recording.schema.hash == COMPILED.hash
    assert recording.device["name"] == "edgecore-reference"
    assert recording.url == "virtual"
    said = list(readings(recording))
    assert recording.cut is None
    assert all(reading.error is None for reading in said)
    kinds = {(reading.direction, reading.kind) for reading in said}
    assert {("to_device", "REQUEST"), ("from_device", "RESULT"), ("from_device", "DATA")} <= kinds
    times = [reading.t_ns for reading in said if reading.direction == "from_device"]
    assert times == sorted(times)
    assert 5_000_000_000_000 <= times[0] < times[-1] < 5_010_000_000_000


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_cut_file_is_read_up_to_the_cut(recorded, tmp_path, share):
    whole = recorded.read_bytes()
    pieces = list(Recording(recorded))
    first = whole.index(pieces[0].data) + 100
    for extra in range(40):
        at = min(len(whole) - 1, first + round(share * (len(whole) - first)) + extra)
        cut = tmp_path / "cut.pcapng"
        cut.write_bytes(whole[:at])
        recording = Recording(cut)
        kept = list(recording)
        assert kept == pieces[: len(kept)]
        assert len(kept) < len(pieces)
        assert recording.cut is None or recording.cut <= at
        assert recording.frames == len(kept)


@pytest.mark.parametrize("end", [b"", bytes(300)], ids=["cut", "then zeros"])
def test_file_that_was_cut_says_so_in_one_line(recorded, tmp_path, end):
    """Zeros: as a file system leaves behind that had made room for more."""
    pieces, path = list(Recording(recorded)), tmp_path / "cut.pcapng"
    whole = recorded.read_bytes()
    at = whole.rindex(pieces[-1].data) - 28
    path.write_bytes(whole[: at + (0 if end else 40)] + end)
    recording = Recording(path)
    assert recording.shortfall is None, "not looked at to its end yet"
    assert len(list(recording)) == len(pieces) - 1
    next(iter(recording))
    assert recording.shortfall == (
        f"{path}: cut off or damaged in the block at byte {at}; whole frames before it: "
        f"{len(pieces) - 1}"
    )
    path.write_bytes(whole)
    assert list(recording) == pieces
    assert recording.shortfall is None


def test_file_that_was_cut_in_its_head_is_refused_as_such(recorded, tmp_path):
    path = tmp_path / "cut.pcapng"
    path.write_bytes(recorded.read_bytes()[:300])
    with pytest.raises(fb.RecordingError, match=r"cut.pcapng: cut off or damaged in the block at "):
        Recording(path)


@given(st.data())
def test_damaged_file_is_read_or_refused(recorded, tmp_path_factory, data):
    content = bytearray(recorded.read_bytes()[:8000])
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=8)):
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "damaged.pcapng"
    path.write_bytes(content)
    try:
        recording = Recording(path)
    except fb.RecordingError:
        return
    assert all(reading.data for reading in readings(recording))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "no recording; expected a pcapng file"),
        (b"hello, world", "no recording; expected a pcapng file"),
        (struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28), "but not of"),
    ],
)
def test_other_files_are_refused(tmp_path, content, text):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(fb.RecordingError, match=text):
        Recording(path)
    with pytest.raises(fb.RecordingError, match="No such file"):
        Recording(tmp_path / "absent")


@pytest.mark.parametrize("size", [1, 1500, 3001, 4097])
def test_full_disk_is_said_and_nothing_accepted_is_lost(tmp_path, size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    wire = fb.codec.encode(2, 0x40, bytes(range(32)))
    path = tmp_path / "full.pcapng"
    accepted = 0

    def fill():
        nonlocal recorder, accepted
        recorder = begun(path)
        for _ in range(1000):
            recorder.add("from_device", 7, wire)
            accepted += 1

    recorder = None
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        with pytest.raises(fb.RecordingError, match=r"full.pcapng: File too large; the \d+ frames"):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    if size < 3000:
        assert path.stat().st_size <= size
        return
    with recorder:
        recorder.add("to_device", 8, wire)  # there is room again
    kept = list(Recording(path))
    assert accepted > 0
    assert [piece.data for piece in kept] == [wire] * (accepted + 1)


def test_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(fb.RecordingError, match=r"absent/a.pcapng: No such file or directory"):
        begun(tmp_path / "absent" / "a.pcapng")


def test_what_waits_for_its_delimiter_is_written_at_the_end(tmp_path):
    with begun(tmp_path / "a.pcapng") as recorder:
        recorder.add("from_device", 5, b"\1\2\3")
        recorder.add("from_device", 9, b"\4")
    (piece,) = Recording(tmp_path / "a.pcapng")
    assert (piece.t_ns, piece.data) == (5, b"\1\2\3\4")
    with pytest.raises(fb.RecordingError, match="closed"):
        recorder.add("from_device", 9, b"\4\0")


def bytes_of(path, direction):
    return b"".join(piece.data for piece in Recording(path) if piece.direction == direction)


@pytest.mark.parametrize("kind", ["pty", "unix", "tcp"])
def test_relay_is_a_line_like_any_other_and_keeps_every_byte(device, tmp_path, kind):
    address = {"pty": None, "unix": f"unix:{tmp_path}/door", "tcp": "tcp:127.0.0.1:0"}[kind]
    seen = {"from_device": b"", "to_device": b""}

    def tap(direction, t_ns, data):
        seen[direction] += data
        recorder.add(direction, t_ns, data)

    with (
        begun(tmp_path / "a.pcapng") as recorder,
        Door(address=address) as door,
        Relay(device.url, door, tap) as relay,
        fb.connect(relay.url) as link,
        link.subscribe("imu") as imu,
    ):
        assert link.info.name == "test device"
        for i in range(50):
            assert link.request(fb.SetOutput(0, i), 5).payload == bytes([0, i])
        device.imu(20)
        count = 0
        while count < 20:
            count += len(imu.read(timeout=10))
        assert relay.lost == 0
    for direction, data in seen.items():
        assert bytes_of(tmp_path / "a.pcapng", direction) == data
    said = list(readings(Recording(tmp_path / "a.pcapng")))
    sent = {  # by id: on a busy machine a request may go out twice
        r.head["id"]: r.records[0]["value"]
        for r in said
        if r.message == "SetOutput" and r.kind == "REQUEST"
    }
    assert list(sent.values()) == list(range(50))
    assert [r.records[0]["accel_x"] for r in said if r.message == "imu"] == list(range(20))


@pytest.mark.parametrize("kind", ["pty", "unix"])
def test_relay_outlives_its_device_and_its_hosts(device, tmp_path, kind):
    with (
        Door(address=None if kind == "pty" else f"unix:{tmp_path}/door") as door,
        Relay(device.url, door, lambda *_: None) as relay,
    ):
        for _ in range(2):
            with fb.connect(relay.url) as link:
                link.request(fb.SetOutput(0, 1), 5)
        with fb.connect(relay.url) as link:
            device.die()
            wait_until(lambda: relay.reason)
            device.boot()
            wait_until(lambda: link.state == "open" and link.info.boot_id == 6)
            assert relay.reason == ""


@pytest.mark.parametrize("error", [fb.RecordingError("full"), KeyError("full"), OSError("full")])
def test_recording_that_fails_ends_the_relay_with_its_reason(device, tmp_path, error):
    def tap(direction, t_ns, data):
        raise error

    with Door() as door, Relay(device.url, door, tap) as relay:
        wait_until(lambda: not relay.running)
        assert relay.failure is error


def test_relay_is_closed_by_who_has_seen_enough(device):
    def tap(direction, t_ns, data):
        begun.wait(10)
        relay.close()
        enough.set()

    begun, enough = threading.Event(), threading.Event()
    with Door() as door, Relay(device.url, door, tap) as relay:
        begun.set()
        assert enough.wait(10)
        wait_until(lambda: not relay.running)
        assert relay.failure is None


def test_killed_recorder_leaves_a_readable_file(tmp_path):
    path = tmp_path / "killed.pcapng"
    process = subprocess.Popen(
        [sys.executable, "-m", "edgecore.cli", "link", "record", "sim:", path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    try:
        wait_until(lambda: path.exists() and path.stat().st_size > 20_000, 60)
    finally:
        process.kill()
        process.wait()
    recording = Recording(path)
    messages = {reading.message for reading in readings(recording)}
    assert {"imu", "vehicle", "status"} <= messages
