"""A port whose verdict on a signature takes its time: nothing else waits for it."""

from __future__ import annotations

import random

import pytest

from firmware_bridge.manifest import make_manifest
from firmware_bridge.testing import Flash
from tests.link.updating import (
    ACTIVE,
    BAD_SIGNATURE,
    DONE,
    NO_VERIFIER,
    SMALL,
    STATE,
    Bench,
    manifest_of,
    verify,
)

pytestmark = pytest.mark.once

IMAGE, OTHER = random.Random(1).randbytes(900), random.Random(2).randbytes(700)


class Part:
    """Checks signatures, but for what it is told to be busy with."""

    def __init__(self) -> None:
        self.busy_with: set[bytes] = set()
        self.asked: list[bytes] = []

    def verify(self, message: bytes, signature: bytes) -> bool | None:
        self.asked.append(message)
        return None if message in self.busy_with else verify(message, signature)


@pytest.fixture
def part() -> Part:
    return Part()


@pytest.fixture
def host(part: Part) -> Bench:
    return Bench(Flash(verify=part.verify, **SMALL)).connect()


def message_of(image: bytes, version: int) -> bytes:
    return manifest_of(image, version).pack()[:60]


def test_commands_are_answered_and_nothing_is_written_before_the_verdict(
    host: Bench, part: Part
) -> None:
    part.busy_with.add(message_of(IMAGE, 1))
    erased = bytes(host.flash.content)
    sender = host.offer(IMAGE, manifest_of(IMAGE, 1))
    until_us = host.now_us + 5_000_000
    while host.now_us < until_us:
        asked_us = host.now_us
        assert host.answer(STATE).status == 0
        assert host.now_us - asked_us < 20_000
        assert not sender.answered
    assert bytes(host.flash.content) == erased
    part.busy_with.clear()
    host.run_until(lambda: sender.over)
    assert sender.status == DONE
    assert host.activate()
    assert host.confirm(1) == 0
    assert host.transfer(IMAGE, manifest_of(IMAGE, 1)) == ACTIVE


def test_late_no_is_a_no(host: Bench, part: Part) -> None:
    forged = make_manifest(IMAGE, version=1, sign=lambda _: bytes(64))
    part.busy_with.add(message_of(IMAGE, 1))
    sender = host.offer(IMAGE, forged)
    host.run_until(lambda: len(part.asked) > 10)
    part.busy_with.clear()
    host.run_until(lambda: sender.over)
    assert sender.status == BAD_SIGNATURE


def test_verdict_that_never_comes_ends_the_offer_and_not_the_next(host: Bench, part: Part) -> None:
    part.busy_with.add(message_of(IMAGE, 1))
    assert host.transfer(IMAGE, manifest_of(IMAGE, 1)) == NO_VERIFIER
    part.busy_with.clear()
    assert host.transfer(IMAGE, manifest_of(IMAGE, 1)) == DONE


def test_newer_offer_takes_the_place_of_one_that_is_judged(host: Bench, part: Part) -> None:
    part.busy_with.add(message_of(IMAGE, 1))
    host.offer(IMAGE, manifest_of(IMAGE, 1))
    host.run_until(lambda: message_of(IMAGE, 1) in part.asked)
    assert host.transfer(OTHER, manifest_of(OTHER, 2)) == DONE
    assert host.activate()
    assert host.firmware.image["digest"] == manifest_of(OTHER, 2).digest


def test_another_sender_waits_for_the_verdict_on_the_same_image(host: Bench, part: Part) -> None:
    part.busy_with.add(message_of(IMAGE, 1))
    host.offer(IMAGE, manifest_of(IMAGE, 1))
    host.run_until(lambda: len(part.asked) > 10)
    sender = host.offer(IMAGE, manifest_of(IMAGE, 1))
    until_us = host.now_us + 2_000_000
    host.run_until(lambda: host.now_us >= until_us)
    assert not sender.answered
    part.busy_with.clear()
    host.run_until(lambda: sender.over)
    assert sender.status == DONE


def test_power_that_fails_before_the_verdict_leaves_nothing_behind(host: Bench, part: Part) -> None:
    part.busy_with.add(message_of(IMAGE, 1))
    host.offer(IMAGE, manifest_of(IMAGE, 1))
    host.run_until(lambda: len(part.asked) > 10)
    host.firmware.power_cycle()
    host.start_host()
    host.connect()
    part.busy_with.clear()
    host.install(IMAGE, 1)
    assert host.firmware.image["version"] == 1
