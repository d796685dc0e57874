"""When a request is sent again: the wait, its doubling, and what shortens it."""

import itertools
import struct

import pytest

from firmware_bridge import codec
from firmware_bridge._link import Session
from firmware_bridge.events import Outcome
from tests.link.pair import Pair


def exchange(pair, tokens):
    """Requests with these tokens, one after the other, each with its outcome."""
    for token in tokens:
        pair.request(b"", token)
        pair.outcome(token)


def sent_requests(pair, seconds):
    """When the host sent request frames, us, and their ids."""
    decoder, times = codec.Decoder(), []
    until = pair.now_us + round(seconds * 1e6)
    while pair.now_us < until:
        seen = len(pair.down.written)
        pair.step()
        for frame in decoder.feed(bytes(pair.down.written[seen:])):
            if frame.kind == 1:
                times.append((pair.now_us, struct.unpack_from("<H", frame.payload, 2)[0]))
    return times


def test_unanswered_request_is_repeated_at_twice_the_wait_each_time():
    pair = Pair().open()
    exchange(pair, range(20))
    pair.down.cut = True
    pair.request(b"", 99)
    times = [at for at, _ in sent_requests(pair, 0.7)]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert gaps == [10_000, 20_000, 40_000, 80_000, 160_000, 320_000]  # from the floor on


def test_request_that_later_ones_overtook_is_repeated_at_once():
    pair = Pair().open()
    pair.down.delay_us = pair.up.delay_us = 30_000
    pair.request(b"", 1)
    pair.outcome(1)
    assert pair.host.stats["rto_us"] > 150_000  # of one round trip little is known
    pair.down.cut = True
    pair.request(b"lost", 2)
    pair.step()
    pair.down.cut = False
    for token in (3, 4):
        pair.request(b"", token)
    start = pair.now_us
    (again,) = [at for at, number in sent_requests(pair, 0.14) if number == 1]
    assert again - start == pytest.approx(60_000, abs=2000)  # a round trip
    assert pair.outcome(2).outcome == Outcome.DONE
    assert pair.host.stats["retransmits"] == 1


def test_wait_follows_the_round_trip():
    pair = Pair().open()
    pair.down.delay_us, pair.up.delay_us = 20_000, 30_000
    exchange(pair, range(60))
    stats = pair.host.stats
    assert stats["srtt_us"] == pytest.approx(50_500, abs=10)
    assert stats["srtt_us"] < stats["rto_us"] < stats["srtt_us"] + 100  # it never varied


def test_the_wait_is_doubled_six_times_and_then_no_more():
    pair = Pair().open()
    patient = {"silence_ms": 60_000, "now_us": pair.now_us}
    pair.host = Session(device=False, boot_id=8, name="host", **patient)
    pair.device = Session(device=True, boot_id=101, window=8, slot_bytes=64, **patient)
    pair.open()
    exchange(pair, range(20))
    pair.down.cut = True
    pair.request(b"", 99)
    times = [at for at, _ in sent_requests(pair, 4)]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert gaps[4:9] == [160_000, 320_000, 640_000, 640_000, 640_000]


@pytest.mark.parametrize("trip_ms", [100, 150, 400, 900])
def test_round_trip_beyond_the_first_wait_is_learnt(trip_ms):
    pair = Pair().open()
    pair.down.delay_us = pair.up.delay_us = trip_ms * 500
    exchange(pair, range(8))
    assert pair.host.stats["srtt_us"] == pytest.approx(trip_ms * 1000, abs=5000)
    repeated = pair.host.stats["retransmits"]
    exchange(pair, range(8, 28))
    pair.run(1)
    assert pair.host.stats["retransmits"] == repeated
    assert pair.device.stats["results_sent"] == len(pair.executed) == 28


def test_wait_that_was_doubled_is_kept_for_later_requests_until_an_answer_is_timed():
    pair = Pair().open()
    exchange(pair, range(20))
    pair.down.cut = True
    pair.request(b"", 20)
    sent_requests(pair, 0.1)  # after 10, 20 and 40 ms again, and next after 80
    pair.request(b"", 21)
    times = [at for at, number in sent_requests(pair, 0.3) if number == 21]
    assert [after - before for before, after in itertools.pairwise(times)] == [80_000, 160_000]
    pair.down.cut = False
    pair.outcome(21)
    pair.request(b"", 22)
    pair.outcome(22)
    pair.down.cut = True
    pair.request(b"", 23)
    times = [at for at, number in sent_requests(pair, 0.05) if number == 23]
    assert [after - before for before, after in itertools.pairwise(times)] == [10_000, 20_000]
