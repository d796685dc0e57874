"""Two sessions in virtual time: how they meet, part, and bear with each other."""

import itertools
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge import codec
from firmware_bridge._link import Session, schema_blob
from firmware_bridge.events import (
    Incompatible,
    LeaseHeld,
    LeaseLost,
    Opened,
    Outcome,
    Requested,
    Resolved,
    Silent,
)
from tests.link.pair import Pair, disturb, kinds, number, session_of


def test_both_sides_introduce_themselves():
    pair = Pair().open()
    assert pair.host.peer["name"] == "device"
    assert pair.host.peer["version"] == "1.0"
    assert pair.host.peer["boot_id"] == 100
    assert (pair.host.peer["window"], pair.host.peer["slot_bytes"]) == (8, 64)
    assert pair.device.peer["name"] == "host"
    assert pair.opens() == [Opened(reset=True)]


def test_reset_after_sending_ends_as_unknown_and_is_not_repeated():
    pair = Pair().open()
    pair.answer = lambda request: None
    pair.request(b"x", 1)
    pair.run_until(lambda: pair.executed)
    pair.reset_device()
    assert pair.outcome(1).outcome == Outcome.UNKNOWN
    pair.run(2)
    assert len(pair.executed) == 1
    assert kinds(pair.host_events) == [Opened, Silent, Resolved, Opened]
    pair.answer = lambda request: (0, b"")
    pair.request(b"after", 2)
    assert pair.outcome(2).outcome == Outcome.DONE


def test_request_not_yet_sent_survives_a_reset():
    pair = Pair(window=1).open()
    pair.answer = lambda request: None
    pair.request(b"sent", 1)
    pair.request(b"waits", 2)
    pair.run(0.1)
    pair.reset_device()
    pair.answer = lambda request: (0, b"")
    assert pair.outcome(1).outcome == Outcome.UNKNOWN
    assert pair.outcome(2).outcome == Outcome.DONE
    assert [request.payload for request in pair.executed] == [b"sent", b"waits"]


@pytest.mark.parametrize("seed", range(20))
def test_reopened_line_within_a_boot_executes_nothing_twice(seed):
    pair = Pair(seed).open()
    disturb(pair, flip=2e-3)
    total, sent = 120, 0

    def all_resolved():
        nonlocal sent
        while sent < total and pair.request(struct.pack("<I", sent), sent):
            sent += 1
        if pair.generator.random() < 0.02:
            pair.host.reopen(pair.now_us)
        if pair.generator.random() < 0.02:
            pair.device.reopen(pair.now_us)
        return sum(isinstance(event, Resolved) for event in pair.host_events) == total

    pair.run_until(all_resolved, 600)
    assert [number(request.payload) for request in pair.executed] == list(range(total))
    assert {event.outcome for event in pair.host_events if isinstance(event, Resolved)} == {
        Outcome.DONE
    }


def test_another_host_starts_afresh():
    pair = Pair().open()
    pair.answer = lambda request: None
    pair.request(b"of the first", 1)
    pair.run(0.1)
    (old,) = pair.executed
    pair.host = Session(device=False, boot_id=8, now_us=pair.now_us)
    pair.host_events.clear()
    pair.open()
    assert not pair.device.result(old.handle)
    pair.answer = lambda request: (0, b"")
    pair.request(b"of the second", 1)
    assert pair.outcome(1).outcome == Outcome.DONE


def test_quiet_device_is_reported_and_found_again():
    pair = Pair().open()
    pair.up.cut = True
    before = pair.now_us
    pair.run_until(lambda: Silent() in pair.host_events)
    assert 700_000 <= pair.now_us - before <= 1_100_000
    assert not pair.host.open
    pair.up.cut = False
    pair.run_until(lambda: len(pair.opens()) == 2)
    assert pair.opens()[1] == Opened(reset=False)


def test_first_frame_after_a_pause_begins_with_a_zero_and_those_behind_it_do_not():
    pair = Pair().open()
    for _ in range(2):
        pair.run(0.1)
        pair.host.request(pair.now_us, 1, 1, b"a", None, 1)
        pair.host.request(pair.now_us, 1, 1, b"b", None, 2)
        sent = pair.host.output(pair.now_us)
        assert sent[0] == 0
        assert sent.count(0) == 3
        pair.device.input(pair.now_us, sent)


def test_idle_device_is_not_taken_for_a_dead_one():
    pair = Pair().open()
    pair.run(10)
    assert kinds(pair.host_events) == [Opened]


def test_lease_holds_while_it_is_renewed_and_ends_with_its_last_renewal():
    pair = Pair().open()
    for _ in range(30):
        pair.host.keep_alive(pair.now_us, 1000)
        pair.run(0.1)
    assert [event for event in pair.device_events if not isinstance(event, Opened)] == [LeaseHeld()]
    last = pair.now_us - 100_000
    pair.run_until(lambda: LeaseLost() in pair.device_events)
    assert abs(pair.now_us - last - 1_000_000) < 10_000
    pair.host.keep_alive(pair.now_us, 1000)
    pair.run(0.1)
    assert pair.device_events[-1] == LeaseHeld()


def test_last_microsecond_of_a_lease_is_told_as_a_millisecond():
    pair = Pair().open()
    pair.run(0.1)
    pair.host.keep_alive(pair.now_us, 300)
    frames = codec.Decoder().feed(pair.host.output(pair.now_us + 299_999))
    told = [struct.unpack_from("<H", frame.payload, 2) for frame in frames if frame.kind == 5]
    assert told == [(1,)]


def test_lease_ends_to_the_microsecond():
    pair = Pair().open()
    pair.host.keep_alive(pair.now_us, 1000)
    assert LeaseHeld() in pair.device.input(pair.now_us, pair.host.output(pair.now_us))
    assert LeaseLost() not in pair.device.input(pair.now_us + 999_999, b"")
    assert LeaseLost() in pair.device.input(pair.now_us + 1_000_000, b"")


def test_lease_ends_when_the_line_is_cut():
    pair = Pair().open()
    pair.host.keep_alive(pair.now_us, 1000)
    pair.run(0.05)
    pair.down.cut = True
    for _ in range(15):
        pair.host.keep_alive(pair.now_us, 1000)
        pair.run(0.1)
    assert LeaseLost() in pair.device_events


def test_open_session_without_a_renewed_lease_holds_none():
    pair = Pair().open()
    pair.request(b"x", 1)
    pair.host.ping()
    pair.run(2)
    assert LeaseHeld() not in pair.device_events
    assert not pair.device.lease(pair.now_us)


def test_lease_is_capped_by_the_device():
    pair = Pair().open()
    pair.host.keep_alive(pair.now_us, 60_000)
    pair.run(0.1)
    pair.down.cut = True
    pair.run(1.05)
    assert LeaseLost() in pair.device_events


def test_peer_of_another_protocol_is_reported_once_a_line():
    host = Session(device=False, boot_id=7)
    host.output(0)
    body = bytearray(28)
    body[0:3] = 2, 3, 1
    struct.pack_into("<HHII", body, 4, 8, 512, 99, 7)
    hello = codec.encode(0, 0, bytes(body), kind=4)
    assert host.input(1, hello * 3) == [Incompatible()]
    assert not host.open
    assert (host.peer["protocol_min"], host.peer["protocol_max"]) == (2, 3)
    host.reopen(2)
    assert host.input(3, hello) == [Incompatible()]


def test_session_number_is_never_zero_when_it_wraps():
    host = Session(device=False, boot_id=7)
    wire = bytearray()
    for now_us in range(0x10001):
        host.reopen(now_us)
        wire += host.output(now_us)
    hellos = [frame.payload for frame in codec.Decoder().feed(bytes(wire)) if frame.kind == 4]
    numbers = [struct.unpack_from("<H", hello, 4)[0] for hello in hellos]
    assert len(hellos) > 0xFFFF
    assert 0 not in numbers
    assert {1, 0xFFFF} <= set(numbers)


def test_device_serves_its_table_piece_by_piece():
    pair = Pair().open()
    table, length = b"", 1
    for token in itertools.count():
        if len(table) >= length:
            break
        at = struct.pack("<H", len(table))
        assert pair.host.request(pair.now_us, 0, 0xF0, at, None, token)
        answer = pair.outcome(token).payload
        length = number(answer[:2])
        table += answer[2:]
    assert table == schema_blob()


def test_frames_of_another_session_are_ignored():
    pair = Pair().open()
    before = pair.device.stats["ignored"]
    wrong = struct.pack("<HHH", session_of(pair) ^ 0x5555, 0, 0xFFFF) + b"\1"
    pair.device.input(pair.now_us, codec.encode(1, 1, wrong, kind=1))
    pair.run(0.1)
    assert pair.executed == []
    assert pair.device.stats["ignored"] == before + 1


def test_session_without_work_never_asks_to_be_called():
    device = Session(device=True, boot_id=5)
    device.output(0)  # its announcement
    assert device.due(0) is None


def test_nothing_happens_between_due_times():
    pair = Pair(3).open()
    disturb(pair, flip=2e-3)
    pair.request(b"x", 1, 5000)
    pair.run(0.2)
    due = pair.host.due(pair.now_us)
    assert due is not None
    if due > pair.now_us + 1:
        assert pair.host.output(due - 1) == b""
        assert pair.host.input(due - 1, b"") == []


@pytest.mark.parametrize("wrong", [{"boot_id": 0}, {"window": 3}, {"slot_bytes": 8}])
def test_impossible_configuration_is_refused(wrong):
    with pytest.raises(ValueError, match="boot_id must not be 0"):
        Session(**{"device": False, "boot_id": 1, **wrong})


bodies = st.one_of(
    st.binary(max_size=40),
    st.tuples(st.integers(0, 3), st.binary(max_size=60)).map(
        lambda pair: struct.pack("<H", pair[0]) + pair[1]
    ),
)


@settings(max_examples=200)
@given(
    frames=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 6), st.integers(0, 255), bodies), max_size=30
    ),
    device=st.booleans(),
)
def test_any_well_formed_frames_leave_the_session_usable(frames, device):
    pair = Pair()
    pair.open()
    session = pair.device if device else pair.host
    for kind, channel, type, body in frames:
        if kind in (1, 2, 3, 5) and len(body) >= 2:
            body = struct.pack("<H", session_of(pair) - body[0] % 2) + body[2:]
        wire = codec.encode(channel, type, body, kind=kind)
        for event in session.input(pair.now_us, wire):
            if isinstance(event, Requested):
                session.result(event.handle)
        session.output(pair.now_us)
    assert session.due(pair.now_us) is None or session.due(pair.now_us) >= pair.now_us


@settings(max_examples=100)
@given(data=st.binary(max_size=2000), seed=st.integers(0, 1000))
def test_any_garbage_leaves_the_session_working(data, seed):
    pair = Pair(seed).open()
    generator = random.Random(seed)
    at = 0
    while at < len(data):
        step = generator.randint(1, 300)
        for session in (pair.host, pair.device):
            session.input(pair.now_us, data[at : at + step])
        at += step
    pair.request(b"still", 1)
    assert pair.outcome(1).outcome == Outcome.DONE


def test_hello_says_the_limits_of_its_sender():
    pair = Pair(window=4, slot_bytes=48).open()
    assert pair.host.peer["body_max"] == pair.device.peer["body_max"] == 512
    assert (pair.host.peer["window"], pair.host.peer["slot_bytes"]) == (4, 48)


def test_host_knocks_at_twice_the_wait_each_time_up_to_400_ms():
    host = Session(device=False, boot_id=7, now_us=0)
    knocks = [now_us for now_us in range(0, 2_500_000, 1000) if host.output(now_us)]
    gaps = [after - before for before, after in itertools.pairwise(knocks)]
    assert gaps[:5] == [50_000, 100_000, 200_000, 400_000, 400_000]
