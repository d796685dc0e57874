import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import codec
from firmware_bridge.decoding import (
    DATA,
    HELLO,
    KINDS,
    LAYOUTS,
    REQUEST,
    RESULT,
    Interpreter,
    readings,
)
from firmware_bridge.recording import Piece, Recorder, Recording
from firmware_bridge.schema import COMPILED, Schema
from tests.link import drive
from tests.link.compiling import ROOT
from tests.link.test_schema import field, message, table

FRAMES = json.loads((ROOT / "tests" / "vectors" / "frames.json").read_text())


def read(wire, schema=COMPILED):
    (reading,) = Interpreter(schema).stream([wire])
    return reading


@pytest.mark.parametrize("vector", FRAMES, ids=lambda vector: vector["name"])
def test_golden_bytes_are_read_as_their_frames_and_damages(vector):
    wire = bytes.fromhex(vector["wire"])
    found = list(Interpreter(COMPILED).stream([wire]))
    frames = [reading.frame for reading in found if reading.frame is not None]
    assert [
        {
            "kind": frame.kind,
            "channel": frame.channel,
            "sequence": frame.sequence,
            "type": frame.type,
            "payload": frame.payload.hex(),
        }
        for frame in frames
    ] == vector["frames"]
    damages = [reading.error for reading in found if reading.frame is None]
    for reason, count in vector["errors"].items():
        assert damages.count(reason) == count


def test_values_come_in_their_units():
    info = message(
        field(0x12, 0, scale=0.01, name="angle", unit="deg"),
        field(0x01, 2, 3, name="raw"),
        field(0x31, 5, 4, name="text"),
        size=9,
    )
    schema = Schema.parse(table(info))
    payload = struct.pack("<h3B4s", -1234, 1, 2, 3, b"ab")
    reading = read(codec.encode(2, 1, payload * 2), schema)
    assert reading.message == "own"
    assert reading.records == [{"angle": -12.34, "raw": [1, 2, 3], "text": "ab"}] * 2
    assert reading.units == {"angle": "deg"}
    assert reading.error is None


def test_absent_optional_field_means_its_default_and_a_required_one_is_missed():
    optional = field(0x01, 1, scale=0.5, name="later", unit="s", default=b"\x08")
    schema = Schema.parse(table(message(field(0x01, 0), optional, size=2)))
    assert read(codec.encode(2, 1, b"\7"), schema).records == [{"value": 7, "later": 4.0}]
    assert read(codec.encode(2, 1, b"\7\1"), schema).records == [{"value": 7, "later": 0.5}]
    assert read(codec.encode(2, 1, b""), schema).error == "own: expected 1 bytes up to value, got 0"


def test_request_and_result_are_read_as_docs_protocol_says():
    reading = read(codec.encode(1, 1, struct.pack("<HHHBBH", 7, 1, 500, 1, 2, 1500), kind=REQUEST))
    assert (reading.kind, reading.channel, reading.message) == ("REQUEST", "command", "Alert")
    assert reading.head == {"session": 7, "id": 1, "left": 500}
    assert reading.records == [{"kind": 1, "level": 2, "duration_ms": 1500, "stamped": 0}]
    reading = read(codec.encode(1, 1, struct.pack("<HHBx", 7, 1, 2), kind=RESULT))
    assert reading.head == {"session": 7, "id": 1, "status": "BAD_ARGUMENT"}
    assert (
        read(codec.encode(1, 1, struct.pack("<HHBx", 7, 1, 77), kind=RESULT)).head["status"] == 77
    )


def test_every_kind_of_a_real_conversation_is_read(tmp_path):
    rig = drive.record(tmp_path / "drive.pcapng", 1.0, alerts=3)
    said = list(readings(Recording(tmp_path / "drive.pcapng")))
    assert {reading.error for reading in said} == {None}
    kinds = {reading.kind for reading in said}
    assert {"DATA", "REQUEST", "RESULT", "ACK", "HELLO", "HEARTBEAT"} <= kinds
    hello = next(r for r in said if r.kind == "HELLO" and r.direction == "from_device")
    assert hello.head["name"] == "edgecore-reference"
    assert hello.head["schema_hash"] == COMPILED.hash
    alerts = [r for r in said if r.kind == "REQUEST"]
    assert [r.records[0]["level"] for r in alerts] == [2, 2, 2]
    results = [r for r in said if r.kind == "RESULT"]
    assert {r.head["status"] for r in results} == {"DONE"}
    assert rig.firmware.boot_id == hello.head["boot_id"]


def test_type_and_kind_that_nobody_knows_are_shown_as_bytes():
    reading = read(codec.encode(2, 0x7F, b"\1\2"))
    assert (reading.message, reading.records, reading.error) == (None, [], None)
    reading = read(codec.encode(9, 0x7F, b"\1\2", kind=200))
    assert (reading.kind, reading.channel, reading.error) == ("kind 200", "channel 9", None)


@given(
    kind=st.integers(0, len(KINDS)),
    type=st.sampled_from([0x01, 0x40, 0x60, 0xF0, 0x7F]),
    payload=st.binary(max_size=120),
)
def test_any_body_is_read_or_said_to_make_no_sense(kind, type, payload):
    reading = read(codec.encode(1, type, payload, kind=kind))
    assert reading.frame is not None
    layout = LAYOUTS.get(kind)
    if layout is not None and len(payload) < layout.form.size:
        assert f"at least {layout.form.size} bytes, got {len(payload)}" in reading.error
    elif kind not in (DATA, REQUEST):
        assert reading.error is None
    if kind == HELLO and reading.error is None:
        assert {"name", "version"} <= reading.head.keys()


def test_directions_do_not_disturb_each_other():
    wire = codec.encode(2, 0x41, bytes(12))
    interpreter = Interpreter(COMPILED)
    half = interpreter.read(Piece("to_device", 0, wire[:5]))
    assert half.error == "cut"
    assert interpreter.read(Piece("from_device", 1, wire)).message == "vehicle"
    assert interpreter.read(Piece("to_device", 2, wire[5:])).message == "vehicle"


def other_table():
    return Schema.parse(table(message(field(0x02, name="level"), type=0x40, size=2, name="tank")))


def overhear(interpreter, schema, step):
    """A host asks for a table, and gets it in pieces."""
    for number, offset in enumerate(range(0, len(schema.blob), step)):
        ask = struct.pack("<HHHH", 7, number, 500, offset)
        answer = struct.pack("<HHBxH", 7, number, 0, len(schema.blob))
        piece = schema.blob[offset : offset + step]
        for wire, direction in (
            (codec.encode(0, 0xF0, ask, kind=REQUEST), "to_device"),
            (codec.encode(0, 0xF0, answer + piece, kind=RESULT), "from_device"),
        ):
            assert interpreter.read(Piece(direction, 0, wire)).message == "descriptors"


def hello(schema):
    body = struct.pack("<BBBBHHIIIHHBx", 1, 1, 1, 1, 7, 512, 5, 6, schema.hash, 0, 64, 8)
    return codec.encode(0, 0, body + b"tank\0001.0\0", kind=HELLO)


@pytest.mark.parametrize("step", [7, 30, 200])
def test_device_that_comes_back_with_another_table_is_not_read_by_the_old_one(step):
    data = Piece("from_device", 0, codec.encode(2, 0x40, struct.pack("<16H", *range(16))))
    interpreter = Interpreter(COMPILED)
    assert interpreter.read(data).message == "imu"
    interpreter.read(Piece("from_device", 0, hello(other_table())))
    assert interpreter.read(data).message is None
    overhear(interpreter, other_table(), step)
    reading = interpreter.read(data)
    assert (reading.message, reading.records[3]) == ("tank", {"level": 3})


def test_table_that_passed_once_is_known_when_its_device_comes_back():
    data = Piece("from_device", 0, codec.encode(2, 0x40, bytes(32)))
    interpreter = Interpreter(COMPILED)
    overhear(interpreter, other_table(), 200)
    for schema, name in ((COMPILED, "imu"), (other_table(), "tank"), (COMPILED, "imu")):
        interpreter.read(Piece("from_device", 0, hello(schema)))
        assert interpreter.read(data).message == name


def test_table_that_follows_in_a_recording_is_used_from_there(tmp_path):
    wire = codec.encode(2, 0x40, bytes(32))
    with Recorder(tmp_path / "a.pcapng", url="test", device={}) as recorder:
        recorder.table(COMPILED)
        recorder.add("from_device", 1, wire)
        recorder.table(other_table())
        recorder.add("from_device", 2, wire)
    recording = Recording(tmp_path / "a.pcapng")
    for _ in range(2):
        assert [reading.message for reading in readings(recording)] == ["imu", "tank"]
