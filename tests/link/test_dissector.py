"""The generated dissector in the real Wireshark, on recordings as they are written."""

import struct
import subprocess

import pytest

from firmware_bridge import codec
from firmware_bridge.decoding import KINDS, readings
from firmware_bridge.dissector import lua
from firmware_bridge.recording import Recorder, Recording
from firmware_bridge.schema import COMPILED, Schema
from tests.link import drive, keyed_drive
from tests.link.attacker import Channel
from tests.link.compiling import tool
from tests.link.test_schema import field, message, table

pytestmark = pytest.mark.once


def dissect(folder, recording, schema, *fields, sealed=False):
    """Values of these fields, packet by packet, as tshark prints them."""
    script = folder / "edgecore.lua"
    script.write_text(lua(schema, sealed=sealed))
    named = [name if name.startswith("_ws.") else f"edgecore.{name}" for name in fields]
    wanted = [part for name in named for part in ("-e", name)]
    done = subprocess.run(
        [
            *(tool("tshark"), "-X", f"lua_script:{script}", "-r", recording, "-T", "fields"),
            *("-E", "aggregator=,", *wanted),
        ],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert "Lua" not in done.stderr, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("dissected")


@pytest.fixture(scope="module")
def recorded(folder):
    path = folder / "drive.pcapng"
    drive.record(path, 1.0, alerts=2, bit_error=1e-4, seed=5)
    return path


def test_every_frame_and_field_is_what_our_own_reading_says(folder, recorded):
    names = ["kind", "message", "imu.accel_z", "Alert.duration_ms", "vehicle.t_us", "hello.boot_id"]
    packets = dissect(folder, recorded, COMPILED, "error", *names)
    said_by_us = list(readings(Recording(recorded)))
    assert len(packets) == len(said_by_us)
    damaged = 0
    for packet, reading in zip(packets, said_by_us, strict=True):
        error, kind, said, accel_z, duration, t_us, boot_id = packet
        if reading.frame is None:
            damaged += 1
            assert error == reading.error
            continue
        assert KINDS[int(kind)] == reading.kind
        assert said == (reading.message or "")
        for text, name in ((duration, "duration_ms"), (t_us, "t_us"), (accel_z, "accel_z")):
            if text:
                wanted = [each[name] for each in reading.records]
                assert [float(part) for part in text.split(",")] == pytest.approx(wanted, rel=1e-6)
        assert bool(accel_z) == (reading.message == "imu")
        assert boot_id == (str(reading.head["boot_id"]) if reading.kind == "HELLO" else "")
    assert damaged > 0
    assert {r.kind for r in said_by_us} >= {"DATA", "REQUEST", "RESULT", "HELLO", "HEARTBEAT"}


def test_own_messages_are_dissected_with_scale_arrays_text_and_absent_fields(folder):
    own = message(
        field(0x12, 0, scale=0.01, name="angle", unit='"]] deg\n'),
        field(0x11, 2, 3, name="raw"),
        field(0x31, 5, 5, name="words"),
        field(0x12, 10, scale=0.5, name="later", unit="s", default=b"\x08\0"),
        size=12,
        name="Own",
    )
    schema = Schema.parse(table(own))
    path = folder / "own.pcapng"
    record = struct.pack("<h3b5s", -1234, -1, 2, 3, b"ab")
    with Recorder(path, url="test", device={}) as recorder:
        recorder.table(schema)
        recorder.add("from_device", 1, codec.encode(2, 1, record + struct.pack("<h", -3)))
        recorder.add("from_device", 2, b"\0" + codec.encode(2, 1, record))
        recorder.add("from_device", 3, codec.encode(2, 1, record[:4]))
        recorder.add("to_device", 4, codec.encode(2, 9, b"\xaa\xbb"))
        recorder.add("to_device", 5, b"\5\1\0\1\0\xff\xff")
    packets = dissect(
        folder, path, schema, "Own.angle", "Own.raw", "Own.words", "Own.later", "error", "rest"
    )
    assert packets == [
        ["-12.34", "-1,2,3", "ab", "-1.5", "", ""],
        ["-12.34", "-1,2,3", "ab", "4", "", ""],
        ["-12.34", "", "", "", "the record lacks raw", ""],
        ["", "", "", "", "", "aabb"],
        ["", "", "", "", "cobs", ""],
        ["", "", "", "", "short", ""],
        ["", "", "", "", "cut", ""],
    ]


@pytest.mark.parametrize("late", [False, True], ids=["from the HELLOs on", "from its middle on"])
def test_seals_and_proofs_are_shown_as_what_they_are(folder, late):
    pair = Channel().open() if late else Channel()
    acts = [keyed_drive.converse] if late else [keyed_drive.opened, keyed_drive.converse]
    path = keyed_drive.record(folder / "keyed.pcapng", pair, *acts, authenticated=late)
    names = ["seal.counter", "seal.tag", "hello.nonce", "hello.proof", "vehicle.speed_mps"]
    names += ["Alert.level", "error", "_ws.col.Info"]
    recording = Recording(path)
    packets = dissect(folder, path, COMPILED, *names, sealed=recording.sealed)
    said_by_us = list(readings(recording))
    assert len(packets) == len(said_by_us) > 5
    for packet, reading in zip(packets, said_by_us, strict=True):
        counter, tag, nonce, proof, speed, level, error, info = packet
        is_hello = reading.kind == "HELLO"
        assert info.endswith("seal not verified") != is_hello
        assert (nonce, proof) == (reading.head.get("nonce", ""), reading.head.get("proof", ""))
        if is_hello:
            assert (counter, tag) == ("", "")
        else:
            assert (int(counter), tag) == (reading.seal.counter, reading.seal.tag.hex())
        speeds = [f"{each['speed_mps']:g}" for each in reading.records if "speed_mps" in each]
        assert speed == ",".join(speeds)
        assert level == ("2" if reading.kind == "REQUEST" else "")
        assert error == ""


def test_frame_too_short_for_a_seal_is_an_error_in_an_authenticated_session(folder):
    path = folder / "short.pcapng"
    with Recorder(path, url="test", device={"authenticated": True}) as recorder:
        recorder.table(COMPILED)
        recorder.add("from_device", 1, codec.encode(2, 0x41, bytes(11)))
        recorder.add("from_device", 2, codec.encode(2, 0x41, b""))
    assert dissect(folder, path, COMPILED, "error", sealed=True) == [["auth"], ["auth"]]
    assert [reading.error for reading in readings(Recording(path))] == ["auth", "auth"]
