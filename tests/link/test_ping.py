"""Pings: answered by a frame of their size, whatever the clock and others exchange meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import firmware_bridge as fb
from firmware_bridge import codec
from tests.link.device import Device
from tests.link.patience import wait_until

PING = 6
CLOCK_BYTES = 32
PATIENCE_S = 30.0


class Narrow(Device):
    """A device that no PING of more than `most` bytes reaches; `pings` are the sizes of all."""

    most = 512

    def _start(self) -> None:
        self.pings: list[int] = []
        self._decoder = codec.Decoder()
        super()._start()

    def heard(self, data: bytes) -> bytes:
        kept = b""
        for frame in self._decoder.feed(data):
            if frame.kind == PING:
                self.pings.append(len(frame.payload))
            if frame.kind != PING or len(frame.payload) <= self.most:
                kept += codec.encode(
                    frame.channel, frame.type, frame.payload, frame.sequence, frame.kind
                )
        return kept


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Narrow]:
    made = Narrow(tmp_path / "fw.sock")
    yield made
    made.die()


def asking(link: fb.Link, size: int, answers: list[Any]) -> threading.Thread:
    def ask() -> None:
        answers.append(link.ping(size, PATIENCE_S))

    asked = threading.Thread(target=ask)
    asked.start()
    return asked


def test_exchange_of_the_clock_answers_no_larger_ping(narrow: Narrow) -> None:
    narrow.most = 256
    with fb.connect(narrow.url) as link:
        wait_until(lambda: narrow.pings.count(CLOCK_BYTES) >= 8)
        with pytest.raises(fb.BridgeTimeoutError):
            link.ping(512, timeout=1.5)
        assert 512 in narrow.pings
        assert link.ping() > 0


def test_lost_ping_is_repeated_at_its_size_and_then_answered(narrow: Narrow) -> None:
    narrow.most = 256
    answers: list[int] = []
    with fb.connect(narrow.url) as link:
        asked = asking(link, 512, answers)
        wait_until(lambda: narrow.pings.count(512) >= 2)
        assert answers == []
        narrow.most = 512
        asked.join(PATIENCE_S)
        assert answers[0] > 0


def test_smaller_ping_does_not_take_the_place_of_a_larger_one(narrow: Narrow) -> None:
    narrow.most = 256
    answers: list[int] = []
    with fb.connect(narrow.url) as link:
        asked = asking(link, 512, answers)
        wait_until(lambda: 512 in narrow.pings)
        lost = len(narrow.pings)
        other = asking(link, 40, answers)
        wait_until(lambda: len(narrow.pings) > lost)
        assert narrow.pings[lost] == 512
        narrow.most = 512
        for each in (asked, other):
            each.join(PATIENCE_S)
    assert len(answers) == 2


@pytest.mark.parametrize("size", [24, 25, 31, 33, 512])
def test_ping_is_of_the_size_that_was_asked_for(narrow: Narrow, size: int) -> None:
    with fb.connect(narrow.url) as link:
        wait_until(lambda: narrow.pings.count(CLOCK_BYTES) >= 8)
        assert link.ping(size) > 0
        assert size in narrow.pings


def test_clock_goes_on_with_small_exchanges_once_nobody_waits(narrow: Narrow) -> None:
    with fb.connect(narrow.url) as link:
        assert link.ping(512) > 0
        large = narrow.pings.count(512)
        wait_until(lambda: len(narrow.pings) >= large + 12)
        assert narrow.pings.count(512) == large
