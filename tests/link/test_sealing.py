"""Authenticated sessions as a third party reads them, with the key and without."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import codec
from firmware_bridge.decoding import DATA, HEARTBEAT, HELLO, Interpreter, Reading, readings
from firmware_bridge.recording import Piece, Recording
from firmware_bridge.schema import COMPILED
from firmware_bridge.sealing import TRAILER_BYTES
from tests.link.attacker import KEY, OTHER_KEY, Channel, put_together, taken_apart
from tests.link.keyed_drive import ALERT, converse, opened, record
from tests.reference import link_auth as reference
from tests.reference.link_auth import seal


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keyed") / "keyed.pcapng"
    return record(path, Channel(), opened, converse)


def read(path: Path, key: bytes | None = KEY) -> list[Reading]:
    return list(readings(Recording(path), key))


def verdicts(said: list[Reading]) -> set[bool | None]:
    return {reading.seal.verified for reading in said if reading.seal is not None}


def test_with_the_key_every_seal_is_verified_and_counted(drive: Path) -> None:
    said = read(drive)
    assert {reading.error for reading in said} == {None}
    proofs = [reading for reading in said if reading.kind == "HELLO" and reading.seal]
    assert {reading.direction for reading in proofs} == {"to_device", "from_device"}
    for direction in ("to_device", "from_device"):
        seals = [
            reading.seal
            for reading in said
            if reading.direction == direction and reading.kind != "HELLO"
        ]
        assert [each and each.counter for each in seals] == list(range(1, len(seals) + 1))
        assert len(seals) > 1
    assert verdicts(said) == {True}


def test_without_the_key_all_is_read_and_nothing_verified(drive: Path) -> None:
    said, blind = read(drive), read(drive, None)
    assert verdicts(blind) == {None}
    for ours, theirs in zip(said, blind, strict=True):
        assert (ours.message, ours.head, ours.records) == (
            theirs.message,
            theirs.head,
            theirs.records,
        )
    (alert,) = [reading for reading in blind if reading.kind == "REQUEST"]
    assert alert.records == [{"kind": 1, "level": 2, "duration_ms": 1500, "stamped": 0}]
    assert alert.body[-4:] == ALERT
    speeds = [reading.records for reading in blind if reading.message == "vehicle"]
    assert [each["speed_mps"] for records in speeds for each in records] == [0, 1, 2, 3, 4]


def test_with_another_key_the_proofs_are_not_by_it_and_all_is_still_read(drive: Path) -> None:
    said = read(drive, OTHER_KEY)
    for reading in said:
        if reading.kind == "HELLO" and reading.seal is not None:
            assert (reading.seal.verified, reading.error) == (False, "auth")
        elif reading.kind != "HELLO":
            assert reading.seal is not None
            assert (reading.seal.verified, reading.error) == (None, None)


def test_a_stream_without_directions_is_verified_too(drive: Path) -> None:
    wire = b"".join(piece.data for piece in Recording(drive))
    said = list(Interpreter(COMPILED, key=KEY).stream([wire]))
    assert verdicts(said) == {True}


def test_what_an_attacker_made_is_told_apart_and_the_rest_stays_verified(tmp_path: Path) -> None:
    pair = Channel()

    def attack(down: bool, frame: bytes) -> list[bytes]:
        taken = taken_apart(frame)
        if taken.kind == HELLO:
            return [frame]
        body = bytearray(taken.payload)
        body[0] ^= 1
        made_up = taken._replace(kind=DATA, channel=2, type=0x41)
        return [
            put_together(taken, bytes(body)),
            put_together(made_up, bytes(TRAILER_BYTES)),
            put_together(taken, taken.payload[:5]),
            frame,
            frame,  # again
            *(each for each in pair.seen[not down][-1:] if taken_apart(each).kind != HELLO),
        ]

    path = record(tmp_path / "attacked.pcapng", pair, opened, converse, attack=attack)
    said = read(path)
    bad = [reading for reading in said if reading.error is not None]
    good = [reading for reading in said if reading.error is None and reading.kind != "HELLO"]
    assert {reading.error for reading in bad} == {"auth"}
    assert len(bad) == pair.refused() > 20
    assert verdicts(good) == {True}
    assert all(reading.records == [] for reading in bad)


def forged_acceptance(path: Path) -> Piece:
    """A HELLO as the device accepts with, without its proof."""
    for piece in Recording(path):
        taken = taken_apart(piece.data)
        if piece.direction == "from_device" and taken.kind == HELLO and taken.payload[3] & 1:
            body = bytearray(taken.payload)
            body[3] &= ~4
            return piece._replace(data=put_together(taken, bytes(body[:-16])))
    raise AssertionError("the device never accepted")


def test_a_session_without_the_key_follows_one_with_it(drive: Path) -> None:
    interpreter = Interpreter(COMPILED, key=KEY)
    for piece in Recording(drive):
        interpreter.read(piece)
    plain = interpreter.read(Piece("from_device", 0, codec.encode(2, 0x41, bytes(12))))
    assert plain.error == "auth"
    interpreter.read(forged_acceptance(drive))
    plain = interpreter.read(Piece("from_device", 0, codec.encode(2, 0x41, bytes(12))))
    assert (plain.seal, plain.error, plain.message) == (None, None, "vehicle")


def test_a_device_that_boots_again_has_another_session_and_its_counters_begin_anew(
    tmp_path: Path,
) -> None:
    acts = (opened, converse, lambda pair: pair.boot_device(), lambda pair: pair.run(3), converse)
    said = read(record(tmp_path / "twice.pcapng", Channel(), *acts))
    assert {reading.error for reading in said} == {None}
    assert verdicts(said) == {True}
    counters = [r.seal.counter for r in said if r.kind != "HELLO" and r.seal is not None]
    assert counters.count(1) == 4


def test_a_recording_that_begins_within_a_session_is_read_by_what_it_says_of_it(
    tmp_path: Path,
) -> None:
    path = record(tmp_path / "late.pcapng", Channel().open(), converse, authenticated=True)
    said = read(path)
    assert {reading.error for reading in said} == {None}
    assert verdicts(said) == {None}
    assert next(r.records for r in said if r.kind == "REQUEST")[0]["level"] == 2


def test_counters_go_on_beyond_their_low_half(drive: Path) -> None:
    interpreter = Interpreter(COMPILED, key=KEY)
    hellos = [p for p in Recording(drive) if taken_apart(p.data).kind == HELLO]
    for piece in hellos:
        interpreter.read(piece)
    host, device = (
        next(r.head for r in read(drive) if r.direction == direction and "proof" in r.head)
        for direction in ("to_device", "from_device")
    )
    keys = reference.session_keys(
        KEY,
        bytes.fromhex(host["nonce"]),
        bytes.fromhex(device["nonce"]),
        host["session"],
        host["boot_id"],
        device["boot_id"],
    )
    header = bytes([HEARTBEAT, 0, 0, 0])
    for counter in (1, 2**32 - 1, 2**32, 2**32 + 5, 2**33 + 4):
        body = seal(keys[0], counter, header, struct.pack("<HH", 7, 500))
        wire = codec.encode(0, 0, body, kind=HEARTBEAT)
        again = [interpreter.read(Piece("to_device", 0, wire)).seal for _ in range(2)]
        assert [each and (each.counter, each.verified) for each in again] == [
            (counter, True),
            (counter & 0xFFFFFFFF, False),
        ]


@given(
    kind=st.integers(0, 9),
    direction=st.sampled_from(["to_device", "from_device", None]),
    body=st.binary(max_size=120),
    flags=st.integers(0, 63),
)
def test_any_body_is_read(kind: int, direction: str, body: bytes, flags: int) -> None:
    interpreter = Interpreter(COMPILED, key=KEY, sealed=True)
    hello = struct.pack("<BBBBHHIIIHHBx", 1, 1, kind % 3, flags, 7, 512, 5, 6, 0, 0, 64, 8)
    for wire in (
        codec.encode(0, 0, hello + body, kind=HELLO),
        codec.encode(2, 0x41, body, kind=kind),
    ):
        reading = interpreter.read(Piece(direction, 0, wire))  # type: ignore[arg-type]
        assert reading.frame is not None
        assert reading.body == reading.frame.payload[: len(reading.body)]
