import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware_bridge as fb
from firmware_bridge._link import schema_blob
from firmware_bridge.messages import message_class
from firmware_bridge.schema import COMPILED, Schema

BLOB = schema_blob()


def field(
    code=0x01, offset=0, count=1, scale=1.0, low=0, high=0, name="value", unit="", default=b""
):
    optional = 0x80 if default else 0
    head = struct.pack("<BHHfii", code | optional, offset, count, scale, low, high) + default
    return head + name.encode() + b"\0" + unit.encode() + b"\0"


def message(*fields, type=1, channel=2, size=8, name="own"):
    head = struct.pack("<BBBH", type, channel, len(fields), size)
    return head + name.encode() + b"\0" + b"".join(fields)


def table(*messages):
    return bytes([len(messages)]) + b"".join(messages)


def test_table_names_unit_and_scale_of_every_field():
    imu = COMPILED.by_name["imu"]
    assert (imu.type, imu.channel, imu.size) == (0x40, 2, 32)
    assert [(f.name, f.unit, f.scale) for f in imu.fields] == [
        ("t_us", "us", 1.0),
        *((f"accel_{axis}", "m/s2", 1.0) for axis in "xyz"),
        *((f"gyro_{axis}", "rad/s", 1.0) for axis in "xyz"),
    ]
    assert COMPILED.by_type[0x41].field("speed_mps").unit == "m/s"
    with pytest.raises(KeyError, match="vehicle has no field 'nothing'"):
        COMPILED.by_name["vehicle"].field("nothing")


def test_bounds_come_from_the_table_or_from_the_type():
    alert = COMPILED.by_name["Alert"]
    assert alert.field("level").bounds == (0, 3)
    assert alert.field("duration_ms").bounds == (0, 65535)
    assert COMPILED.by_name["vehicle"].field("speed_mps").bounds is None


def test_every_type_of_field_becomes_its_dtype():
    codes = [0x01, 0x02, 0x04, 0x08, 0x11, 0x12, 0x14, 0x18, 0x24, 0x28]
    kinds = ["<u1", "<u2", "<u4", "<u8", "<i1", "<i2", "<i4", "<i8", "<f4", "<f8"]
    fields, offset = [], 0
    for i, code in enumerate(codes):
        size = code & 15
        offset = -(-offset // size) * size
        fields.append(field(code, offset, name=f"f{i}"))
        offset += size
    fields.append(field(0x31, offset, 5, name="text"))
    fields.append(field(0x02, offset + 6, 3, name="array"))
    schema = Schema.parse(table(message(*fields, size=offset + 12)))
    dtype = schema.by_name["own"].dtype
    assert [dtype[f"f{i}"] for i in range(10)] == [np.dtype(kind) for kind in kinds]
    assert dtype["text"] == np.dtype("S5")
    assert dtype["array"].shape == (3,)
    assert schema.by_name["own"].packing.size == dtype.itemsize == offset + 12


def test_hash_changes_with_anything_the_table_says():
    base = table(message(field()))
    hashes = {Schema.parse(base).hash}
    for other in [
        message(field(unit="m")),
        message(field(scale=0.5)),
        message(field(name="other")),
        message(field(code=0x11)),
        message(field(low=0, high=5)),
        message(field(), name="renamed"),
        message(field(), type=2),
        message(field(), size=9),
        message(field(), field(offset=1, name="appended")),
        message(field(default=b"\0")),
        message(field(default=b"\1")),
    ]:
        hashes.add(Schema.parse(table(other)).hash)
    assert len(hashes) == 12


@pytest.mark.parametrize("cut", [0, 1, 5, 20, len(BLOB) - 1])
def test_table_cut_short_is_refused(cut):
    with pytest.raises(fb.ProtocolError, match=f"table of {cut} bytes"):
        Schema.parse(BLOB[:cut])


@pytest.mark.parametrize(
    ("blob", "text"),
    [
        (BLOB + b"\0", "should end it"),
        (table(message(field()), message(field())), "types repeat"),
        (table(message(field(offset=8))), "ends past the record's 8 bytes"),
        (table(message(field(code=0x77))), "119"),
        (table(message(field(count=0))), "no elements"),
        (table(message(field(), field())), "already used as a name"),
        (table(message(field(name="b", offset=1), field(name="a"))), "fields overlap"),
        (table(message(field(code=0x04), field(offset=2, name="b"))), "fields overlap"),
        (table(message(field(name="no name"))), "'no name' is no name"),
        (table(message(field(code=0x18, name="t_ns"))), "t_ns is added by the host"),
        (table(message(field(code=0x24, name="t_us"))), "t_us must be one unsigned integer"),
        (
            table(message(field(default=b"\1"), field(offset=1, name="b"))),
            "b is required, value before it is not",
        ),
        (table(message(field(low=2, high=5, default=b"\1"))), "value is 1 where it is absent"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_table_that_contradicts_itself_is_refused(blob, text):
    with pytest.raises(fb.ProtocolError, match=text):
        Schema.parse(blob)


@given(st.data())
def test_any_damaged_table_is_parsed_or_refused(data):
    blob = bytearray(BLOB)
    for at in data.draw(st.lists(st.integers(0, len(blob) - 1), min_size=1, max_size=8)):
        blob[at] = data.draw(st.integers(0, 255))
    try:
        schema = Schema.parse(bytes(blob))
    except fb.ProtocolError:
        return
    for entry in schema.messages:
        assert entry.dtype.itemsize == entry.packing.size == entry.size
        assert message_class(entry)


@pytest.mark.parametrize("declared", [fb.Alert, fb.SetOutput, fb.DetectionSummary])
def test_typed_messages_name_the_tables_fields(declared):
    names = list(declared.__dataclass_fields__)
    assert names == [entry.name for entry in declared.info.fields]


def test_message_packs_as_the_struct():
    assert fb.Alert(kind=1, level=3, duration_ms=1500).pack() == bytes([1, 3, 0xDC, 0x05])
    assert fb.DetectionSummary(frame=1, nearest_ttc_ms=2, count=3).pack().hex() == "01000000020003"


@given(kind=st.integers(1, 255), level=st.integers(0, 3), duration_ms=st.integers(0, 65535))
def test_message_survives_packing(kind, level, duration_ms):
    alert = fb.Alert(kind=kind, level=level, duration_ms=duration_ms)
    assert fb.Alert.unpack(alert.pack()) == alert


def test_message_of_another_length_is_cut_or_refused():
    with pytest.raises(ValueError, match=r"Alert: expected 4 bytes up to duration_ms, got 3"):
        fb.Alert.unpack(b"\1\2\3")
    stamped = fb.Alert(1, 2, 3, stamped=1)
    assert fb.Alert.unpack(stamped.pack() + b"newer") == stamped


def test_optional_fields_at_the_end_are_sent_only_when_they_say_something():
    assert fb.Alert(1, 2, 3, stamped=0).pack() == bytes([1, 2, 3, 0])
    assert fb.Alert(1, 2, 3, stamped=1).pack() == bytes([1, 2, 3, 0, 1])
    fields = [
        field(0x01, 0, name="first"),
        field(0x01, 1, name="second", default=b"\5"),
        field(0x02, 2, 2, name="third", default=b"\0\0"),
    ]
    own = message_class(Schema.parse(table(message(*fields, size=6, name="Own"))).by_name["Own"])
    lengths = {
        (5, (0, 0)): 1,
        (6, (0, 0)): 2,
        (5, (0, 1)): 6,
        (6, (1, 0)): 6,
    }
    for (second, third), length in lengths.items():
        said = own(first=9, second=second, third=list(third))
        assert len(said.pack()) == length
        read = own.info.unpack(said.pack())
        assert (read["first"], read["second"], tuple(read["third"])) == (9, second, third)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"kind": 0, "level": 1}, "Alert.kind must be in 1..255, got 0"),
        ({"kind": 1, "level": 4}, "Alert.level must be in 0..3, got 4"),
        ({"kind": 1, "level": -1}, "Alert.level must be in 0..3, got -1"),
        ({"kind": 1, "level": 1, "duration_ms": 65536}, "must be in 0..65535, got 65536"),
    ],
)
def test_value_out_of_bounds_is_refused_with_both(values, text):
    with pytest.raises(ValueError, match=text):
        fb.Alert(**values)


@pytest.mark.parametrize("value", [1.0, "1", None, True, b"1"])
def test_value_of_another_kind_is_refused(value):
    with pytest.raises(TypeError, match=r"Alert.level must be an integer"):
        fb.Alert(kind=1, level=value)


def test_numpy_integers_are_integers():
    assert fb.Alert(kind=np.uint8(1), level=np.int64(2)).pack()[:2] == b"\1\2"


def test_messages_this_package_does_not_know_are_made_from_the_table():
    fields = [
        field(0x24, 0, name="gain"),
        field(0x31, 4, 4, name="text"),
        field(0x02, 8, 2, name="pair"),
    ]
    schema = Schema.parse(table(message(*fields, size=12, name="Own")))
    own = message_class(schema.by_name["Own"])
    assert own(gain=1.5, text="ab", pair=[1, 2]).pack() == struct.pack("<f4sHH", 1.5, b"ab", 1, 2)
    with pytest.raises(ValueError, match=r"Own.text holds 4 bytes, got 5"):
        own(gain=0, text="abcde", pair=[1, 2])
    with pytest.raises(ValueError, match=r"Own.pair has 2 elements, got 3"):
        own(gain=0, text="", pair=[1, 2, 3])
    with pytest.raises(TypeError, match=r"Own.gain must be a number"):
        own(gain="loud", text="", pair=[1, 2])


def test_optional_fields_have_the_defaults_that_the_table_declares():
    fields = [
        field(0x02, 0, name="speed"),
        field(0x12, 2, name="trim", default=struct.pack("<h", -7)),
        field(0x24, 4, name="gain", default=struct.pack("<f", 0.5)),
        field(0x01, 8, 3, name="steps", default=b"\x09"),
        field(0x31, 11, 4, name="label", default=b"\0"),
    ]
    schema = Schema.parse(table(message(*fields, size=15, name="Own")))
    info = schema.by_name["Own"]
    assert [each.default for each in info.fields] == [None, -7, 0.5, 9, b""]
    own = message_class(info)
    assert own(5) == own(speed=5, trim=-7, gain=0.5, steps=(9, 9, 9), label=b"")
    assert own(5, label="a").pack() == struct.pack("<Hhf3B4s", 5, -7, 0.5, 9, 9, 9, b"a")
    for length in (2, 3):  # half a field is none
        assert own.unpack(own(5, label="a").pack()[:length]) == own(5)
    with pytest.raises(TypeError, match="speed"):
        own()
    with pytest.raises(ValueError, match=r"Own: expected 2 bytes up to speed, got 1"):
        own.unpack(b"\5")


def test_physical_values_are_the_decimals_that_were_declared():
    (info,) = Schema.parse(
        table(message(field(0x12, 0, scale=0.1), field(0x24, 4, name="f"), size=8))
    ).messages
    scaled, plain = info.fields
    assert scaled.scale == 0.1
    assert scaled.physical(3) == 0.3
    assert scaled.physical([1, 2]) == [0.1, 0.2]
    assert plain.physical(np.float32(9.81).item()) == 9.81


@pytest.mark.parametrize("value", [5, 1.0, None, ["a"]])
def test_text_field_takes_text_only(value):
    made = message_class(
        Schema.parse(table(message(field(0x31, 0, 8, name="text")))).by_name["own"]
    )
    assert made(text="abc").pack() == made(text=b"abc").pack() == b"abc" + bytes(5)
    with pytest.raises(TypeError, match=r"own.text must be text, got"):
        made(text=value)
