"""Pings: each is answered by its own frame, beside those of the clock and of others."""

import threading
import time

import numpy as np
import pytest

import firmware_bridge as fb
from firmware_bridge import codec
from tests.link.device import Device
from tests.link.patience import wait_until

PING = 6
CLOCK_BYTES = 32
PATIENCE_S = 30


class Narrow(Device):
    """A device that no PING of more than `most` bytes reaches; `pings` are the sizes of all."""

    most = 512

    def _start(self):
        self.pings = []
        self._decoder = codec.Decoder()
        super()._start()

    def heard(self, data):
        kept = b""
        for frame in self._decoder.feed(data):
            size = len(frame.payload)
            if frame.kind == PING:
                self.pings.append(size)
            if frame.kind != PING or size <= self.most:
                kept += codec.encode(
                    frame.channel, frame.type, frame.payload, frame.sequence, frame.kind
                )
        return kept


@pytest.fixture
def narrow(tmp_path):
    made = Narrow(tmp_path / "fw.sock")
    yield made
    made.die()


def test_ping_measures_the_round_trip(link):
    assert link.ping() > 0
    assert link.ping(512) > 0
    for size in (23, 513):
        with pytest.raises(ValueError, match=f"24..512 bytes, got {size}"):
            link.ping(size)


def test_ping_without_an_answer_times_out(link, device):
    device.go_deaf()
    with pytest.raises(fb.BridgeTimeoutError):
        link.ping(timeout=0.05)


def test_lost_ping_is_repeated_and_no_other_frame_answers_it(narrow):
    narrow.most = 256
    answers = []
    with fb.connect(narrow.url) as link:
        asked = threading.Thread(target=lambda: answers.append(link.ping(512, PATIENCE_S)))
        asked.start()
        wait_until(lambda: 512 in narrow.pings)
        assert link.ping(256, PATIENCE_S) > 0
        lost = len(narrow.pings)
        wait_until(lambda: narrow.pings[lost:].count(CLOCK_BYTES) >= 4, PATIENCE_S)
        wait_until(lambda: narrow.pings.count(512) >= 2, PATIENCE_S)
        assert answers == []
        narrow.most = 512
        asked.join(PATIENCE_S)
        assert answers[0] > 0


def test_pings_asked_for_at_once_all_go_each_of_its_size(narrow):
    sizes = range(40, 440, 20)
    answers = []
    with fb.connect(narrow.url) as link:
        users = [
            threading.Thread(target=lambda size=size: answers.append(link.ping(size, PATIENCE_S)))
            for size in sizes
        ]
        for user in users:
            user.start()
        for user in users:
            user.join(PATIENCE_S)
    assert len(answers) == len(sizes)
    assert set(sizes) <= set(narrow.pings)


def test_ping_of_before_the_line_was_lost_is_answered_on_the_next(narrow):
    narrow.most = 100
    answers = []
    with fb.connect(narrow.url) as link:
        asked = threading.Thread(target=lambda: answers.append(link.ping(512, PATIENCE_S)))
        asked.start()
        wait_until(lambda: 512 in narrow.pings)
        narrow.most = 512
        narrow.hang_up.set()
        asked.join(PATIENCE_S)
        assert answers[0] > 0
        assert link.stats.opens == 2


class Lazy(Narrow):
    """A device that may look at its line seldom; `heard_s` are the times when a PING came."""

    naps_s = 0.0

    def _start(self):
        self.heard_s = []
        super()._start()

    def _turn(self, line):
        time.sleep(self.naps_s)
        return super()._turn(line)

    def heard(self, data):
        before = len(self.pings)
        kept = super().heard(data)
        self.heard_s += [time.monotonic()] * (len(self.pings) - before)
        return kept

    def bursts(self):
        """How many PINGs came in each burst: one after the other, and then none for a while."""
        gaps = np.flatnonzero(np.diff(self.heard_s) > 0.5) + 1
        return np.diff([0, *gaps, len(self.heard_s)])


def test_burst_of_which_all_waited_somewhere_goes_on(tmp_path):
    device = Lazy(tmp_path / "fw.sock")
    with fb.connect(device.url):
        wait_until(lambda: len(device.bursts()) >= 3, PATIENCE_S)
        device.naps_s = 0.02
        quick = len(device.bursts())
        wait_until(lambda: max(device.bursts()[quick:], default=0) > 4, PATIENCE_S)
    device.die()
