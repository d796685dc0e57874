"""Best-effort data and the channels' order, between two sessions in virtual time."""

import struct

import pytest

from firmware_bridge import codec
from firmware_bridge.events import Opened, Received, Silent
from tests.link.pair import Pair, kinds, number


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


def stand_still(pair: Pair, seconds: float) -> None:
    """The device does nothing; the host knocks into a line that nobody reads."""
    pair.now_us += round(seconds * 1e6)
    pair.host_events += pair.host.input(pair.now_us, b"")
    pair.down.write(pair.now_us, pair.host.output(pair.now_us, 200))


def test_what_a_device_says_as_it_comes_back_is_heard():
    pair = Pair().open()
    pair.device.publish(3, 0x40, b"before")
    pair.run(0.1)
    stand_still(pair, 1.5)
    pair.device.publish(3, 0x40, b"stood still for 1.5 s")
    pair.run(0.1)
    said = [event.payload for event in pair.host_events if isinstance(event, Received)]
    assert said == [b"before", b"stood still for 1.5 s"]
    assert kinds(pair.host_events) == [Opened, Received, Silent, Received, Opened]
    assert pair.host.stats["gaps"]["log"] == 0


def test_what_a_line_says_that_was_opened_again_may_be_of_another_device():
    pair = Pair().open()
    stand_still(pair, 1.5)
    pair.device.publish(3, 0x40, b"mine")
    wire = pair.device.output(pair.now_us)
    pair.host.reopen(pair.now_us)
    assert Received not in kinds(pair.host.input(pair.now_us, wire))


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
