"""The stamps of a clock exchange."""

import pytest

from firmware_bridge import codec
from firmware_bridge.events import (
    Stamps,
)
from tests.link.pair import Pair


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
