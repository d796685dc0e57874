import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import codec
from firmware_bridge.decoding import DATA, HELLO, KINDS, LAYOUTS, REQUEST, RESULT, Interpreter
from firmware_bridge.recording import Piece, Recording
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
    readings = list(Interpreter(COMPILED).stream([wire]))
    frames = [reading.frame for reading in readings if reading.frame is not None]
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
    damages = [reading.error for reading in readings if reading.frame is None]
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
    optional = struct.pack("<BHHfii", 0x81, 1, 1, 0.5, 0, 0) + b"\x08later\0s\0"
    schema = Schema.parse(table(message(field(0x01, 0), optional, size=2)))
    assert read(codec.encode(2, 1, b"\7"), schema).records == [{"value": 7, "later": 4.0}]
    assert read(codec.encode(2, 1, b"\7\1"), schema).records == [{"value": 7, "later": 0.5}]
    assert read(codec.encode(2, 1, b""), schema).error == "own: expected 1 bytes up to value, got 0"


def test_request_and_result_are_read_as_docs_protocol_says():
    reading = read(codec.encode(1, 1, struct.pack("<HHHBBH", 7, 1, 500, 1, 2, 1500), kind=REQUEST))
    assert (reading.kind, reading.channel, reading.message) == ("REQUEST", "command", "Alert")
    assert reading.head == {"session": 7, "id": 1, "left": 500}
    assert reading.records == [{"kind": 1, "level": 2, "duration_ms": 1500}]
    reading = read(codec.encode(1, 1, struct.pack("<HHBx", 7, 1, 2), kind=RESULT))
    assert reading.head == {"session": 7, "id": 1, "status": "BAD_ARGUMENT"}
    assert (
        read(codec.encode(1, 1, struct.pack("<HHBx", 7, 1, 77), kind=RESULT)).head["status"] == 77
    )


def test_every_kind_of_a_real_conversation_is_read(tmp_path):
    rig = drive.record(tmp_path / "drive.pcapng", 1.0, alerts=3)
    interpreter = Interpreter(COMPILED)
    readings = [interpreter.read(piece) for piece in Recording(tmp_path / "drive.pcapng")]
    assert {reading.error for reading in readings} == {None}
    kinds = {reading.kind for reading in readings}
    assert {"DATA", "REQUEST", "RESULT", "ACK", "HELLO", "HEARTBEAT"} <= kinds
    hello = next(r for r in readings if r.kind == "HELLO" and r.direction == "from_device")
    assert hello.head["name"] == "edgecore-reference"
    assert hello.head["schema_hash"] == COMPILED.hash
    alerts = [r for r in readings if r.kind == "REQUEST"]
    assert [r.records[0]["level"] for r in alerts] == [2, 2, 2]
    results = [r for r in readings if r.kind == "RESULT"]
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
