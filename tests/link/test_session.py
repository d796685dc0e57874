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
    Received,
    Requested,
    Resolved,
    Silent,
    Stamps,
    Status,
)
from tests.link.pair import Pair

NOISE = {
    "clean": {},
    "bit errors": {"flip": 3e-3},
    "lost bytes": {"drop": 3e-3},
    "doubled bytes": {"duplicate": 3e-3},
    "all of it": {"flip": 1e-3, "drop": 1e-3, "duplicate": 1e-3},
}


def disturb(pair, flip=0.0, drop=0.0, duplicate=0.0):
    for wire in (pair.down, pair.up):
        wire.flip, wire.drop, wire.duplicate = flip, drop, duplicate


def number(payload):
    return int.from_bytes(payload, "little")


def kinds(events):
    return [type(event) for event in events]


def test_both_sides_introduce_themselves():
    pair = Pair().open()
    assert pair.host.peer["name"] == "device"
    assert pair.host.peer["version"] == "1.0"
    assert pair.host.peer["boot_id"] == 100
    assert (pair.host.peer["window"], pair.host.peer["slot_bytes"]) == (8, 64)
    assert pair.device.peer["name"] == "host"
    assert pair.opens() == [Opened(reset=True)]


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE.keys())
@pytest.mark.parametrize("seed", range(3))
def test_every_request_is_executed_exactly_once_and_in_order(noise, seed):
    pair = Pair(seed)
    disturb(pair, **noise)
    sent = 0
    total = 400

    def all_resolved():
        nonlocal sent
        while sent < total and pair.request(struct.pack("<I", sent), sent):
            sent += 1
        return sum(isinstance(event, Resolved) for event in pair.host_events) == total

    pair.run_until(all_resolved, 600)
    resolved = [event for event in pair.host_events if isinstance(event, Resolved)]
    assert [number(request.payload) for request in pair.executed] == list(range(total))
    assert sorted(event.token for event in resolved) == list(range(total))
    for event in resolved:
        assert event.outcome == Outcome.DONE
        assert number(event.payload) == event.token


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE.keys())
def test_requests_of_the_device_are_executed_exactly_once(noise):
    pair = Pair(5).open()
    disturb(pair, **noise)
    sent = 0
    total = 100

    def all_resolved():
        nonlocal sent
        while sent < total and pair.device.request(
            pair.now_us, 1, 9, struct.pack("<I", sent), None, sent
        ):
            sent += 1
        for event in pair.host_events:
            if isinstance(event, Requested) and event not in answered:
                answered.append(event)
                pair.host.result(event.handle, 0, event.payload)
        return sum(isinstance(event, Resolved) for event in pair.device_events) == total

    answered: list[Requested] = []
    pair.run_until(all_resolved, 600)
    assert [number(event.payload) for event in answered] == list(range(total))


def test_result_comes_after_long_work_and_out_of_order():
    pair = Pair().open()
    pair.answer = lambda request: None
    for token in range(4):
        pair.request(bytes([token]), token)
    pair.run_until(lambda: len(pair.executed) == 4)
    pair.run(3)
    assert pair.host.stats["retransmits"] == 0
    for request in reversed(pair.executed):
        pair.device.result(request.handle, 0, request.payload)
    pair.run(1)
    resolved = [event for event in pair.host_events if isinstance(event, Resolved)]
    assert [event.token for event in resolved] == [3, 2, 1, 0]


def test_own_status_of_the_device_refuses():
    pair = Pair().open()
    pair.answer = lambda request: (Status.BUSY, b"why")
    pair.request(b"x", 1)
    assert pair.outcome(1) == Resolved(1, Outcome.REFUSED, Status.BUSY, b"why")


def test_request_before_the_session_opens_is_sent_after():
    pair = Pair()
    pair.request(b"early", 1)
    assert pair.outcome(1).outcome == Outcome.DONE


def test_request_over_the_devices_slot_is_refused_with_both_lengths():
    pair = Pair(slot_bytes=64).open()
    with pytest.raises(ValueError, match=r"at most 64 bytes here, got 65"):
        pair.request(bytes(65), 1)


def test_early_request_over_the_devices_slot_ends_as_not_sent():
    pair = Pair(slot_bytes=64)
    pair.request(bytes(65), 1)
    assert pair.outcome(1).outcome == Outcome.NOT_SENT
    assert pair.executed == []


def test_full_window_refuses_another_request_until_one_ends():
    pair = Pair().open()
    pair.answer = lambda request: None
    tokens = 0
    while pair.request(b"", tokens):
        tokens += 1
    assert tokens == 32
    pair.run(1)
    assert len(pair.executed) == 8  # the device's window
    pair.answer = lambda request: (0, b"")
    for request in pair.executed:
        pair.device.result(request.handle)
    pair.run(1)
    assert len(pair.executed) == 32
    assert pair.request(b"", 99)


def test_deadline_before_sending_ends_as_not_sent_and_never_runs():
    pair = Pair()
    pair.down.cut = True
    pair.request(b"x", 1, 100)
    assert pair.outcome(1, 1).outcome == Outcome.NOT_SENT
    pair.down.cut = False
    pair.open().run(1)
    assert pair.executed == []


def test_deadline_after_sending_ends_as_may_still_run():
    pair = Pair().open()
    pair.answer = lambda request: None
    pair.request(b"x", 1, 100)
    assert pair.outcome(1).outcome == Outcome.TIMED_OUT
    assert len(pair.executed) == 1


def test_request_that_arrives_after_the_host_gave_up_is_not_executed():
    pair = Pair().open()
    pair.down.cut = True
    pair.request(b"late", 1, 50)
    assert pair.outcome(1).outcome == Outcome.TIMED_OUT
    pair.down.cut = False
    pair.request(b"next", 2, 1000)
    assert pair.outcome(2).outcome == Outcome.DONE
    assert [request.payload for request in pair.executed] == [b"next"]


def test_request_held_up_by_a_lost_one_past_its_deadline_is_refused():
    pair = Pair().open()
    frame = codec.encode(1, 1, struct.pack("<HHH", session_of(pair), 1, 20), sequence=1, kind=1)
    pair.device.input(pair.now_us, frame)  # id 1 before id 0: it has to wait
    late = pair.now_us + 30_000
    pair.request(b"first", 1)
    events = []
    frames = pair.host.output(late)
    events += pair.device.input(late, frames)
    assert [event.payload for event in events if isinstance(event, Requested)] == [b"first"]
    answers = codec.Decoder().feed(pair.device.output(late))
    assert [(frame.payload[2], frame.payload[4]) for frame in answers if frame.kind == 2] == [
        (1, Status.LATE)
    ]


def session_of(pair):
    for frame in codec.Decoder().feed(bytes(pair.down.written)):
        if frame.kind == 4:
            session = struct.unpack_from("<H", frame.payload, 4)[0]
    return session


def test_deadline_counts_from_receipt():
    pair = Pair().open()
    deadlines = []
    pair.answer = lambda request: deadlines.append((pair.now_us, request.deadline_us))
    pair.request(b"x", 1, 250)
    pair.request(b"y", 2, None)
    pair.run(0.1)
    (came, until), (_, never) = deadlines
    assert 240_000 <= until - came <= 250_000
    assert never is None


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


def test_repeated_request_meets_its_cached_result():
    pair = Pair().open()
    pair.up.cut = True
    pair.request(b"once", 1)
    pair.run(0.5)
    assert len(pair.executed) == 1
    pair.up.cut = False
    assert pair.outcome(1) == Resolved(1, Outcome.DONE, 0, b"once")
    assert len(pair.executed) == 1
    assert pair.device.stats["duplicates"] > 0


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


def test_data_arrives_with_its_gaps_counted():
    pair = Pair().open()
    for i in range(100):
        pair.up.cut = 20 <= i < 30
        pair.device.publish(2, 0x40, bytes([i]))
        pair.step()
    pair.run(0.1)
    data = [event for event in pair.host_events if isinstance(event, Received)]
    assert [event.payload[0] for event in data] == [i for i in range(100) if not 20 <= i < 30]
    assert [event.gap for event in data if event.gap] == [10]
    assert pair.host.stats["gaps"]["telemetry"] == 10


def test_data_that_was_doubled_on_the_line_arrives_once():
    pair = Pair().open()
    pair.device.publish(2, 0x40, b"once")
    wire = pair.device.output(pair.now_us)
    events = pair.host.input(pair.now_us, wire + wire)
    assert [event.payload for event in events if isinstance(event, Received)] == [b"once"]


def test_full_ring_drops_the_oldest_and_says_so():
    pair = Pair().open()
    for i in range(2000):
        pair.device.publish(2, 0x40, struct.pack("<I", i) + bytes(60))
    pair.run(2)
    data = [event for event in pair.host_events if isinstance(event, Received)]
    dropped = pair.device.stats["dropped"]["telemetry"]
    assert dropped > 0
    assert [number(event.payload[:4]) for event in data] == list(range(dropped, 2000))
    assert data[0].gap == 0  # nothing came before, so nothing is missing


def test_data_is_not_kept_without_a_session():
    pair = Pair()
    assert not pair.device.publish(2, 0x40, b"nobody listens")
    pair.open().run(1)
    assert Received not in kinds(pair.host_events)


@pytest.mark.parametrize("channel", [0, 1])
def test_data_on_a_reliable_channel_is_refused(channel):
    pair = Pair().open()
    assert not pair.device.publish(channel, 1, b"")


def test_commands_go_before_telemetry_before_logs_before_bulk():
    pair = Pair().open()
    for channel in (4, 3, 2):
        pair.host.publish(channel, 1, b"data")
    pair.request(b"", 1)
    pair.host.ping()
    frames = codec.Decoder().feed(pair.host.output(pair.now_us + 1))
    assert [frame.channel for frame in frames] == [0, 1, 2, 3, 4]


def test_command_waits_for_no_more_than_the_frame_begun():
    pair = Pair().open()
    for _ in range(8):
        pair.host.publish(4, 1, bytes(500))
    begun = pair.host.output(pair.now_us, 100)
    pair.request(b"urgent", 1)
    frames = codec.Decoder().feed(begun + pair.host.output(pair.now_us))
    assert [frame.channel for frame in frames][:2] == [4, 1]


@pytest.mark.parametrize("capacity", [1, 7, 64])
def test_output_may_be_cut_at_any_byte(capacity):
    pair = Pair().open()
    pair.host.publish(2, 1, bytes(range(200)))
    pair.request(b"x", 1)
    wire = b""
    while piece := pair.host.output(pair.now_us, capacity):
        assert len(piece) <= capacity
        wire += piece
    assert [frame.channel for frame in codec.Decoder().feed(wire)] == [1, 2]


def test_clock_exchange_has_four_stamps_in_order():
    pair = Pair().open()
    pair.down.delay_us, pair.up.delay_us = 2000, 3000
    pair.host.ping(100)
    pair.run(0.1)
    (stamps,) = [event for event in pair.host_events if isinstance(event, Stamps)]
    assert stamps.t1 < stamps.t2 <= stamps.t3 < stamps.t4
    assert stamps.t4 - stamps.t1 == pytest.approx(5000, abs=1500)


def test_exchange_stamps_the_first_byte_that_comes():
    pair = Pair().open()
    pair.run(0.1)
    pair.host.ping(100)
    sent_us, ping = pair.now_us, pair.host.output(pair.now_us)
    assert not pair.device.input(sent_us + 1000, ping[:20])
    assert not pair.device.input(sent_us + 9000, ping[20:])
    answered_us, pong = sent_us + 9500, pair.device.output(sent_us + 9500)
    assert not pair.host.input(answered_us + 2000, pong[:50])
    (stamps,) = pair.host.input(answered_us + 8000, pong[50:])
    assert stamps == Stamps(sent_us, sent_us + 1000, answered_us, answered_us + 2000)


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


def test_clock_exchanges_are_filled_up_with_zeros():
    pair = Pair().open()
    pair.request(b"\xff" * 60, 1)
    pair.outcome(1)
    pair.host.ping(64)
    pair.run(0.1)
    for line, kind, stamps in ((pair.down, 6, 8), (pair.up, 7, 24)):
        frames = codec.Decoder().feed(bytes(line.written))
        (body,) = [frame.payload for frame in frames if frame.kind == kind]
        assert body[stamps:] == bytes(64 - stamps)


def test_host_knocks_at_twice_the_wait_each_time_up_to_400_ms():
    host = Session(device=False, boot_id=7, now_us=0)
    knocks = [now_us for now_us in range(0, 2_500_000, 1000) if host.output(now_us)]
    gaps = [after - before for before, after in itertools.pairwise(knocks)]
    assert gaps[:5] == [50_000, 100_000, 200_000, 400_000, 400_000]


def test_time_left_travels_in_milliseconds():
    pair = Pair().open()
    pair.request(b"", 1, timeout_ms=60_000)
    pair.run(0.01)
    frames = codec.Decoder().feed(bytes(pair.down.written))
    (left,) = [struct.unpack_from("<H", f.payload, 4)[0] for f in frames if f.kind == 1]
    assert left in (59_999, 60_000)
