"""Authenticated sessions in virtual time, with an attacker between the two ends."""

from __future__ import annotations

import hmac
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge import codec
from firmware_bridge._link import Session
from firmware_bridge.events import LeaseHeld, Outcome, Silent, Status
from tests.link.attacker import (
    HELLO,
    KEY,
    KEYED,
    OTHER_KEY,
    PROVEN,
    REQUIRED,
    Channel,
    honest,
    put_together,
    taken_apart,
)
from tests.reference import link_auth as reference

AT_FLAGS, AT_SESSION, AT_BOOT, AT_TEXT = 3, 4, 8, 26
REFUSED = 16


def nonce_of(hello: bytes) -> bytes:
    at = hello.index(b"\0", hello.index(b"\0", AT_TEXT) + 1) + 1
    return hello[at : at + 16]


def test_a_key_opens_an_authenticated_session_and_requests_go_through() -> None:
    pair = Channel().open()
    assert pair.host.authenticated
    assert pair.device.authenticated
    for token in range(1, 30):
        pair.ask(bytes([token]), token)
        assert pair.outcome(token).outcome == Outcome.DONE
    assert pair.executed == [bytes([token]) for token in range(1, 30)]
    assert pair.refused() == 0


def test_host_that_knocks_anew_proves_nothing_until_it_hears_a_nonce() -> None:
    pair = Channel().open()
    now_us = pair.now_us + 1_000_000
    pair.host.reopen(now_us)
    knock = taken_apart(pair.host.output(now_us))
    assert knock.kind == HELLO
    assert knock.payload[AT_FLAGS] & (KEYED | PROVEN) == KEYED


def test_wrong_proof_is_held_against_nobody_who_comes_after() -> None:
    pair = Channel(host_key=OTHER_KEY, device_required=False)
    pair.run(1)

    def last_answer() -> int:
        hellos = [frame for frame in map(taken_apart, pair.seen[False]) if frame.kind == HELLO]
        return int(hellos[-1].payload[AT_FLAGS])

    assert last_answer() & REFUSED
    pair.host_options = {"key": None}
    pair.boot_host()
    pair.run_until(lambda: pair.host.open)
    assert not last_answer() & REFUSED


def test_every_frame_is_as_the_reference_makes_it() -> None:
    pair = Channel().open()
    pair.ask(b"reference", 1)
    pair.outcome(1)
    pair.host.ping()
    pair.run(0.5)
    hellos = {
        down: [f for f in map(taken_apart, seen) if f.kind == HELLO]
        for down, seen in pair.seen.items()
    }
    host, device = (
        next(f.payload for f in hellos[down] if f.payload[AT_FLAGS] & PROVEN)
        for down in (True, False)
    )
    session, host_boot = struct.unpack_from("<H2xI", host, AT_SESSION)
    (device_boot,) = struct.unpack_from("<I", device, AT_BOOT)
    keys = reference.session_keys(
        KEY, nonce_of(host), nonce_of(device), session, host_boot, device_boot
    )
    for key, hello in zip(keys, (host, device), strict=True):
        assert reference.code(key, 0, bytes([HELLO, 0, 0, 0]), hello[:-16])[:16] == hello[-16:]
    for key, down in zip(keys, (True, False), strict=True):
        sealed = [f for f in map(taken_apart, pair.seen[down]) if f.kind != HELLO]
        assert len(sealed) >= 2
        for counter, frame in enumerate(sealed, 1):
            header = bytes([frame.kind, frame.channel, frame.sequence, frame.type])
            body = frame.payload[:-12]
            assert frame.payload == reference.seal(key, counter, header, body)


def test_without_a_key_the_wire_is_as_it_was() -> None:
    pair = Channel(host_key=None, device_key=None).open()
    pair.ask(b"plain", 1)
    assert pair.outcome(1).outcome == Outcome.DONE
    frames = [taken_apart(wire) for seen in pair.seen.values() for wire in seen]
    assert all(f.payload[AT_FLAGS] < KEYED for f in frames if f.kind == HELLO)
    assert any(f.payload[6:] == b"plain" for f in frames)
    assert not pair.host.authenticated
    assert not pair.device.authenticated


@pytest.mark.parametrize("seed", range(4))
def test_nothing_an_attacker_made_is_accepted_and_traffic_goes_on_afterwards(seed: int) -> None:
    generator = random.Random(seed)
    earlier = Channel(seed=seed + 100).open()
    for token in range(1, 9):
        earlier.ask(b"splice", token)
        earlier.outcome(token)
    pair = Channel(seed=seed).open()

    def attack(down: bool, frame: bytes) -> list[bytes]:
        """Flips, drops, replays, reorders, splices, reflects, strips; changed and whole."""
        choice = generator.randrange(12)
        old = generator.choice(pair.seen[down])
        if choice == 0:
            return []
        if choice == 1:
            return [frame, old]
        if choice == 2:
            return [frame, generator.choice(pair.seen[not down])]
        if choice == 3:
            return [generator.choice(earlier.seen[down]), frame]
        if choice in (4, 5, 6):
            taken = taken_apart(frame)
            body = bytearray(taken.payload)
            if choice == 4 and body:  # changed, with a good CRC
                body[generator.randrange(len(body))] ^= 1 << generator.randrange(8)
            elif choice == 5 and taken.kind == HELLO:
                body[AT_FLAGS] &= ~(KEYED | PROVEN | REQUIRED)
            else:
                body = body[: generator.randrange(len(body) + 1)]
            return [put_together(taken, bytes(body))]
        if choice == 7:
            return [old, frame]
        if choice == 8:  # a command of the attacker's
            taken = taken_apart(frame)
            number = struct.pack("<HHH", pair.host_boot, generator.randrange(50), 0xFFFF)
            return [frame, put_together(taken._replace(kind=1, channel=1), number + b"forged")]
        return [frame]

    asked: set[bytes] = set()
    token = 0
    pair.attack = attack
    for _ in range(2500):
        if generator.random() < 0.05:
            payload = b"honest" + struct.pack("<I", token)
            if pair.host.request(pair.now_us, 1, 1, payload, None, token):
                asked.add(payload)
                token += 1
        if generator.random() < 0.05:
            pair.host.publish(2, 9, b"honest data")
        pair.step()
    pair.attack = honest
    for number in range(token):
        assert pair.outcome(number).outcome in (Outcome.DONE, Outcome.UNKNOWN)
    pair.ask(b"honest end", token)
    assert pair.outcome(token).outcome == Outcome.DONE
    assert pair.refused() > 50
    assert set(pair.executed) <= asked | {b"honest end"}
    assert len(pair.executed) == len(set(pair.executed))
    assert set(pair.data) <= {b"honest data"}


def test_frames_sent_again_back_or_in_another_order_are_counted_and_nothing_else() -> None:
    pair = Channel().open()
    pair.ask(b"once", 1)
    pair.outcome(1)
    pair.run(0.2)
    sealed = [f for f in pair.seen[True] if taken_apart(f).kind != HELLO]
    upward = [f for f in pair.seen[False] if taken_apart(f).kind != HELLO]
    before = pair.device.stats
    for count, frame in enumerate([*sealed, *upward], 1):
        assert pair.device.input(pair.now_us, frame) == []
        assert pair.device.stats["errors"]["auth"] == before["errors"]["auth"] + count
    after = pair.device.stats
    assert after["frames"] == before["frames"]
    assert after["duplicates"] == before["duplicates"]
    assert pair.executed == [b"once"]


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_change_of_a_sealed_frame_is_refused(data: st.DataObject) -> None:
    pair = Channel().open()
    pair.ask(b"alert", 1)
    pair.now_us += 500
    wire = pair.host.output(pair.now_us)
    frame = next(
        f for f in (taken_apart(b"\0" + p + b"\0") for p in wire.split(b"\0") if p) if f.kind == 1
    )
    raw = bytes([frame.kind, frame.channel, frame.sequence, frame.type]) + frame.payload
    changed = data.draw(
        st.one_of(
            st.integers(0, 8 * len(raw) - 1).map(lambda bit: flipped(raw, bit)),
            st.integers(4, len(raw) - 1).map(lambda length: raw[:length]),
            st.binary(min_size=1, max_size=20).map(lambda more: raw + more),
        )
    )
    forged = frame._replace(
        kind=changed[0], channel=changed[1], sequence=changed[2], type=changed[3]
    )
    if changed[0] == HELLO:
        return
    pair.to_device(put_together(forged, changed[4:]))
    assert pair.executed == []
    assert pair.data == []
    assert pair.device.stats["errors"]["auth"] == 1
    pair.to_device(wire)
    assert pair.executed == [b"alert"]


def flipped(raw: bytes, bit: int) -> bytes:
    changed = bytearray(raw)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_lost_run_of_frames_does_not_end_the_session() -> None:
    pair = Channel().open()
    pair.attack = lambda down, frame: [] if down else [frame]
    for _ in range(70_000):  # more than 16 bits count
        pair.now_us += 10
        pair.host.publish(2, 9, b"lost")
        pair.host.output(pair.now_us)
    pair.attack = honest
    pair.ask(b"after", 1)
    assert pair.outcome(1).outcome == Outcome.DONE
    assert len(pair.openings()) == 1


def test_data_without_a_session_is_heard_from_nobody() -> None:
    pair = Channel().open()
    pair.device.publish(2, 9, b"sealed")
    sealed = pair.device.output(pair.now_us)
    pair.now_us += 2_000_000
    assert [type(event) for event in pair.host.input(pair.now_us, b"")] == [Silent]
    for wire in (sealed, codec.encode(2, 9, b"forged")):
        assert pair.host.input(pair.now_us, wire) == []
    assert pair.host.stats["ignored"] == 2


@pytest.mark.parametrize(
    ("host_key", "device_key"),
    [(OTHER_KEY, KEY), (None, KEY), (KEY, None)],
    ids=["wrong key", "no key here", "no key there"],
)
def test_a_peer_without_the_key_opens_nothing_and_the_host_is_told(
    host_key: bytes | None, device_key: bytes | None
) -> None:
    pair = Channel(host_key=host_key, device_key=device_key)
    pair.host.request(pair.now_us, 1, 1, b"never", 2000, 1)
    pair.run(3)
    assert not pair.host.open
    assert pair.executed == []
    assert pair.told()
    if device_key is not None:
        assert not pair.device.open


@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize("strip", [KEYED, PROVEN, KEYED | PROVEN | REQUIRED])
def test_stripped_flags_open_nothing_where_the_key_is_required(down: bool, strip: int) -> None:
    pair = Channel()

    def attack(downward: bool, wire: bytes) -> list[bytes]:
        frame = taken_apart(wire)
        if downward != down or frame.kind != HELLO:
            return [wire]
        body = bytearray(frame.payload)
        body[AT_FLAGS] &= ~strip
        return [put_together(frame, bytes(body))]

    pair.attack = attack
    pair.host.request(pair.now_us, 1, 1, b"waits", None, 1)
    pair.run(2)
    assert not pair.host.open
    assert not (down and pair.device.open)  # upwards, it was the host's true proof that came
    assert pair.executed == []
    pair.attack = honest
    assert pair.outcome(1).outcome == Outcome.DONE
    assert pair.host.authenticated


def test_a_recorded_session_opens_nothing_again() -> None:
    pair = Channel().open()
    pair.ask(b"once", 1)
    pair.outcome(1)
    recorded = b"".join(pair.seen[True])
    pair.boot_device()
    pair.executed.clear()
    for _ in range(3):
        pair.to_device(recorded)
        pair.device.output(pair.now_us)
    assert not pair.device.open
    assert pair.executed == []


def test_a_recorded_session_opens_nothing_in_the_same_boot() -> None:
    pair = Channel().open()
    pair.ask(b"once", 1)
    pair.outcome(1)
    recorded = b"".join(pair.seen[True])
    pair.host.reopen(pair.now_us)
    pair.device.reopen(pair.now_us)
    pair.to_device(recorded)
    assert not pair.device.open
    assert pair.executed == [b"once"]


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize("asking", [KEY, None])
@pytest.mark.parametrize("device_key", [KEY, None])
def test_policy_decides_what_a_host_may_ask(
    device_key: bytes | None, asking: bytes | None, opened: bool
) -> None:
    pair = Channel(
        host_key=asking,
        device_key=device_key,
        host_required=False,
        device_required=False,
        open_types=b"\x01\x09" if opened else b"\x05",
    ).open()
    pair.ask(b"do", 1)
    resolved = pair.outcome(1)
    pair.host.publish(2, 9, b"summary")
    pair.host.keep_alive(pair.now_us, 500)
    pair.run(0.3)
    proven = device_key is not None and asking is not None
    allowed = proven or device_key is None
    assert pair.host.authenticated == pair.device.authenticated == proven
    if allowed or opened:
        assert resolved.outcome == Outcome.DONE
        assert pair.data == [b"summary"]
    else:
        assert (resolved.outcome, resolved.status) == (Outcome.REFUSED, Status.UNAUTHENTICATED)
        assert pair.executed == []
        assert pair.data == []
    assert any(isinstance(event, LeaseHeld) for event in pair.device_events) == allowed


def test_an_intruder_displaces_no_live_session_and_executes_nothing_in_a_dead_one() -> None:
    pair = Channel(device_required=False).open()
    intruder = Session(device=False, boot_id=66, now_us=pair.now_us)

    def turn() -> None:
        pair.now_us += 500
        pair.to_device(intruder.output(pair.now_us))
        intruder.input(pair.now_us, pair.device.output(pair.now_us))

    for _token in range(1, 5):
        for _ in range(300):
            turn()
            pair.to_device(pair.host.output(pair.now_us))
            pair.host.ping()
        assert pair.device.authenticated
        assert not intruder.open
    pair.ask(b"in flight", 9)
    pair.now_us += 500
    pair.to_device(pair.host.output(pair.now_us))
    assert pair.executed == [b"in flight"]
    intruder.request(pair.now_us, 1, 1, b"intrusion", None, 1)
    for _ in range(4000):
        turn()
    assert intruder.open
    assert not pair.device.authenticated
    assert pair.executed == [b"in flight"]
    assert pair.outcome(9).outcome == Outcome.UNKNOWN  # never executed twice
    pair.ask(b"again", 10)
    assert pair.outcome(10).outcome == Outcome.DONE
    assert pair.executed == [b"in flight", b"again"]
    assert pair.device.authenticated


def test_requests_go_on_across_a_reconnection_and_are_unknown_after_a_reset() -> None:
    pair = Channel().open()
    pair.attack = lambda down, frame: [frame] if down else []
    pair.ask(b"first", 1)
    pair.run(0.5)
    pair.host.reopen(pair.now_us)
    pair.attack = honest
    assert pair.outcome(1).outcome == Outcome.DONE
    assert pair.executed == [b"first"]
    pair.attack = lambda down, frame: [frame] if down else []
    pair.ask(b"second", 2)
    pair.run(0.3)
    pair.boot_device()
    pair.attack = honest
    assert pair.outcome(2).outcome == Outcome.UNKNOWN
    pair.ask(b"third", 3)
    assert pair.outcome(3).outcome == Outcome.DONE
    assert pair.executed == [b"first", b"second", b"third"]


def test_forged_farewells_end_no_session() -> None:
    pair = Channel().open()
    plain = Session(device=True, boot_id=5, now_us=pair.now_us)
    for _ in range(200):
        pair.to_host(plain.output(pair.now_us))
        plain.reopen(pair.now_us)
        pair.step()
    assert pair.host.authenticated
    assert not any(isinstance(event, Silent) for event in pair.host_events)


def test_a_silent_device_is_missed_though_somebody_forges_its_voice() -> None:
    pair = Channel().open()
    forged = list(pair.seen[False])
    pair.attack = lambda down, frame: [frame] if down else forged
    pair.run(1.5)
    assert any(isinstance(event, Silent) for event in pair.host_events)


def test_keys_do_not_appear_in_what_is_printed() -> None:
    pair = Channel().open()
    shown = repr(pair.host) + repr(pair.host.peer) + repr(pair.host.stats) + str(pair.host_events)
    assert KEY.hex() not in shown
    assert repr(KEY)[2:-1] not in shown
    with pytest.raises(ValueError, match="expected a key of 32 bytes, got 31") as raised:
        Session(device=True, boot_id=1, key=KEY[:31])
    assert KEY[:31].hex() not in str(raised.value)


def test_the_largest_payloads_leave_room_for_the_tag() -> None:
    pair = Channel()
    pair.device = Session(device=True, boot_id=3, key=KEY, now_us=pair.now_us)
    pair.open()
    limit = pair.host.peer["slot_bytes"]
    assert limit == 506 - 12
    pair.ask(bytes(limit), 1)
    assert pair.outcome(1).payload == bytes(limit)
    with pytest.raises(ValueError, match="at most"):
        pair.ask(bytes(limit + 1), 2)
    assert pair.host.publish(2, 9, bytes(500))
    with pytest.raises(ValueError, match="data holds at most"):
        pair.host.publish(2, 9, bytes(501))
    pair.host.ping(512)
    pair.run(0.1)
    assert bytes(500) in pair.data
    assert pair.refused() == 0


def test_nonces_are_drawn_from_key_seed_boot_count_and_role() -> None:
    seed = bytes(range(100, 132))
    for device in (False, True):
        session = Session(device=device, boot_id=0x01020304, key=KEY, seed=seed, now_us=0)
        for count in range(1, 4):
            number = 1 if device else count + 1  # a device keeps it until a session opens by it
            drawn = struct.pack("<IIB", 0x01020304, number, device)
            code = hmac.digest(KEY, b"edgecore nonce 1" + seed + drawn, "sha256")
            wire = session.output(count * 10_000_000, 4096)
            hello = taken_apart(wire)
            assert hello.kind == HELLO
            assert nonce_of(hello.payload) == code[:16]
            session.reopen(count * 10_000_000)
