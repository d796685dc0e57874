import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge import codec
from tests.reference import link_codec as reference

VECTORS = Path(__file__).parent.parent / "vectors"
FRAMES = json.loads((VECTORS / "frames.json").read_text())
CHECKS = json.loads((VECTORS / "crc32c.json").read_text())
LENGTHS = [0, 1, 245, 246, 247, 253, 254, 255, 256, 500, 507, 508, 511, 512]

frames = st.tuples(
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=512),
)


def encoded(frame):
    kind, channel, sequence, type, payload = frame
    return codec.encode(channel, type, payload, sequence=sequence, kind=kind)


def named(entries):
    return pytest.mark.parametrize("vector", entries, ids=[entry["name"] for entry in entries])


@named(CHECKS)
def test_crc32c_gives_the_published_value(vector):
    data = bytes.fromhex(vector["data"])
    assert codec.crc32c(data) == reference.crc32c(data) == int(vector["crc"], 16)


@given(data=st.binary(max_size=200), cut=st.integers(0, 200))
def test_crc32c_continues_from_any_point(data, cut):
    assert codec.crc32c(data[cut:], codec.crc32c(data[:cut])) == codec.crc32c(data)


def as_golden(frame):
    names = ("kind", "channel", "sequence", "type", "payload")
    return dict(zip(names, (*tuple(frame)[:4], frame.payload.hex()), strict=True))


@named(FRAMES)
def test_golden_bytes_decode_to_their_frames(vector):
    decoder = codec.Decoder()
    found = decoder.feed(bytes.fromhex(vector["wire"]))
    assert [as_golden(frame) for frame in found] == vector["frames"]
    assert {reason: count for reason, count in decoder.errors.items() if count} == vector["errors"]
    assert decoder.frames == len(found)


@named([vector for vector in FRAMES if vector["canonical"]])
def test_frames_encode_to_their_golden_bytes(vector):
    wire = b"".join(
        codec.encode(
            frame["channel"],
            frame["type"],
            bytes.fromhex(frame["payload"]),
            sequence=frame["sequence"],
            kind=frame["kind"],
        )
        for frame in vector["frames"]
    )
    assert wire.hex() == vector["wire"]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("fill", [0, 1, 255, None])
def test_payload_survives_the_wire(length, fill):
    payload = random.Random(length).randbytes(length) if fill is None else bytes([fill]) * length
    wire = codec.encode(2, 3, payload)
    assert wire == reference.encode(2, 3, payload)
    assert wire.count(0) == 1
    assert wire[-1] == 0
    assert len(wire) <= 520 + 3 + 1
    assert [frame.payload for frame in codec.Decoder().feed(wire)] == [payload]


@given(frame=frames)
def test_encoding_is_the_twins(frame):
    kind, channel, sequence, type, payload = frame
    assert encoded(frame) == reference.encode(channel, type, payload, sequence, kind)


@given(frames=st.lists(frames, max_size=6), cut=st.integers(0, 400))
def test_arrays_hold_what_frames_hold(frames, cut):
    wire = b"\xff\0".join(encoded(frame) for frame in frames)
    plain, bulk = codec.Decoder(), codec.Decoder()
    for piece in (wire[:cut], wire[cut:]):
        headers, bodies = bulk.feed_arrays(piece)
        found = [
            (*header.tolist()[:4], bodies[at : at + length].tobytes())
            for header, length, at in zip(
                headers, headers["length"], headers["offset"], strict=True
            )
        ]
        assert found == [tuple(frame) for frame in plain.feed(piece)]
    assert bulk.errors == plain.errors


def test_frames_are_values():
    (one,), (same,) = (codec.Decoder().feed(codec.encode(1, 2, b"x")) for _ in range(2))
    (other,) = codec.Decoder().feed(codec.encode(1, 2, b"y"))
    assert one == same != other
    assert hash(one) == hash(same)
    assert one != "text"
    assert repr(one) == "Frame(kind=0, channel=1, sequence=0, type=2, payload=b'x')"


@given(frames=st.lists(frames, max_size=4), seed=st.integers(0, 2**32), most=st.integers(1, 40))
def test_any_split_of_the_stream_decodes_the_same(frames, seed, most):
    wire = b"\0".join(encoded(frame) for frame in frames)
    generator = random.Random(seed)
    decoder = codec.Decoder()
    found = []
    at = 0
    while at < len(wire):
        step = generator.randint(1, most)
        found += decoder.feed(wire[at : at + step])
        at += step
    assert [tuple(frame) for frame in found] == frames
    assert not any(decoder.errors.values())


@settings(max_examples=300)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=300),
            frames.map(encoded),
            frames.map(lambda frame: encoded(frame)[:-3]),
            st.sampled_from([b"\0", b"\xff" * 300, b"\x01" * 600, bytes([255]) + b"\x02" * 254]),
        ),
        max_size=8,
    ),
    step=st.integers(1, 700),
)
def test_any_bytes_decode_as_the_twin_says(pieces, step):
    stream = b"".join(pieces) + b"\0"
    decoder = codec.Decoder()
    found = [
        tuple(frame)
        for at in range(0, len(stream), step)
        for frame in decoder.feed(stream[at : at + step])
    ]
    expected = list(reference.decode(stream))
    assert found == [item for item in expected if isinstance(item, tuple)]
    reasons = [item for item in expected if isinstance(item, str)]
    assert decoder.errors == {
        reason: reasons.count(reason) for reason in ("cobs", "short", "long", "crc")
    }


@pytest.mark.parametrize(
    ("noise", "reason"),
    [
        (b"\x05\x11\x99\xfe\x02", "short"),
        (b"\x20abc", "cobs"),
        (b"\x0fgarbage garbage", "cobs"),
        (b"\xff" + b"\x01" * 254 + b"\xff" + b"\x01" * 254 + b"\xff" + b"\x01" * 254, "long"),
        (b"\x0aabcdefghi", "crc"),
    ],
)
def test_garbage_then_next_frame_decodes(noise, reason):
    decoder = codec.Decoder()
    found = decoder.feed(noise + b"\0" + codec.encode(1, 2, b"good"))
    assert [frame.payload for frame in found] == [b"good"]
    assert decoder.errors[reason] == 1


@pytest.mark.parametrize("size", [513, 514, 1000, 5000])
def test_oversized_frame_then_next_frame_decodes(size):
    decoder = codec.Decoder()
    stream = reference.encode(2, 1, bytes(size)) + codec.encode(1, 2, b"good")
    assert [frame.payload for frame in decoder.feed(stream)] == [b"good"]
    assert decoder.errors == {"cobs": 0, "short": 0, "long": 1, "crc": 0}


@given(frame=frames, data=st.data())
def test_truncated_frame_then_next_frame_decodes(frame, data):
    wire = encoded(frame)
    cut = data.draw(st.integers(1, len(wire) - 2))
    decoder = codec.Decoder()
    found = decoder.feed(wire[:cut] + b"\0" + codec.encode(1, 2, b"good"))
    assert [frame.payload for frame in found] == [b"good"]
    assert sum(decoder.errors.values()) == 1


@pytest.mark.parametrize("length", [0, 8, 60])
def test_no_single_bit_error_is_accepted(length):
    wire = codec.encode(1, 2, random.Random(1).randbytes(length), sequence=9)
    for bit in range(8 * len(wire)):
        hit = bytearray(wire)
        hit[bit // 8] ^= 1 << bit % 8
        assert not codec.Decoder().feed(bytes(hit) + b"\0")


@pytest.mark.parametrize("length", [0, 3, 16])
def test_no_two_bit_errors_are_accepted(length):
    wire = codec.encode(1, 2, random.Random(2).randbytes(length))
    bits = 8 * len(wire)
    for first in range(bits):
        for second in range(first + 1, bits):
            hit = bytearray(wire)
            hit[first // 8] ^= 1 << first % 8
            hit[second // 8] ^= 1 << second % 8
            assert not codec.Decoder().feed(bytes(hit) + b"\0")


@given(
    payload=st.binary(max_size=512),
    errors=st.sets(st.integers(0, 8 * 516 - 1), min_size=1, max_size=5),
)
def test_up_to_five_bit_errors_in_the_decoded_frame_are_caught(payload, errors):
    content = bytes([0, 1, 2, 3]) + payload
    content += reference.crc32c(content).to_bytes(4, "little")
    hit = bytearray(content)
    for error in errors:
        hit[error // 8 % len(hit)] ^= 1 << error % 8
    found = codec.Decoder().feed(reference.cobs_encode(bytes(hit)) + b"\0")
    assert bytes(hit) == content or not found


@given(payload=st.binary(min_size=20, max_size=512), seed=st.integers(0, 2**32))
def test_no_burst_of_noise_is_accepted(payload, seed):
    generator = random.Random(seed)
    wire = bytearray(codec.encode(1, 2, payload))
    start = generator.randrange(len(wire))
    for at in range(start, min(len(wire), start + generator.randint(1, 12))):
        wire[at] = generator.randrange(256)
    found = codec.Decoder().feed(bytes(wire) + b"\0")
    assert all(frame.payload == payload for frame in found)


def test_too_long_payload_is_refused_with_both_lengths():
    with pytest.raises(ValueError, match=r"at most 512 bytes, got 513"):
        codec.encode(1, 2, bytes(513))


@pytest.mark.parametrize("field", ["channel", "type", "sequence", "kind"])
@pytest.mark.parametrize("value", [-1, 256])
def test_header_value_outside_a_byte_is_refused(field, value):
    header = {"channel": 1, "type": 2, "sequence": 0, "kind": 0, field: value}
    with pytest.raises(ValueError, match=f"{field} must be in 0..255, got {value}"):
        codec.encode(header["channel"], header["type"], b"", header["sequence"], header["kind"])


def test_payload_that_is_no_bytes_is_refused():
    with pytest.raises(TypeError):
        codec.encode(1, 2, "text")
    with pytest.raises(TypeError):
        codec.Decoder().feed("text")
