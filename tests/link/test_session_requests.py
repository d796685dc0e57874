"""Requests between two sessions in virtual time: executed exactly once, by their deadlines."""

import struct

import pytest

from firmware_bridge import codec
from firmware_bridge.events import (
    Outcome,
    Requested,
    Resolved,
    Status,
)
from tests.link.pair import Pair, disturb, number, session_of

NOISE = {
    "clean": {},
    "bit errors": {"flip": 3e-3},
    "lost bytes": {"drop": 3e-3},
    "doubled bytes": {"duplicate": 3e-3},
    "all of it": {"flip": 1e-3, "drop": 1e-3, "duplicate": 1e-3},
}


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


def test_request_held_up_by_a_lost_one_is_stopped_by_its_repetition_with_nothing_left():
    pair = Pair().open()
    for left_ms in (1000, 0):
        head = struct.pack("<HHH", session_of(pair), 1, left_ms)
        pair.device.input(pair.now_us, codec.encode(1, 1, head, sequence=1, kind=1))
    later = pair.now_us + 1000
    pair.request(b"first", 1)
    events = pair.device.input(later, pair.host.output(later))
    assert [event.payload for event in events if isinstance(event, Requested)] == [b"first"]
    answers = codec.Decoder().feed(pair.device.output(later))
    assert [(frame.payload[2], frame.payload[4]) for frame in answers if frame.kind == 2] == [
        (1, Status.LATE)
    ]
    assert pair.device.stats["duplicates"] == 1


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


def test_time_left_travels_in_milliseconds():
    pair = Pair().open()
    pair.request(b"", 1, timeout_ms=60_000)
    pair.run(0.01)
    frames = codec.Decoder().feed(bytes(pair.down.written))
    (left,) = [struct.unpack_from("<H", f.payload, 4)[0] for f in frames if f.kind == 1]
    assert left in (59_999, 60_000)
