"""A command that asks is told when it came and when it was done, by the device's clock."""

from __future__ import annotations

import struct
import time

import pytest

import firmware_bridge as fb
from firmware_bridge.events import Resolved
from tests.link.rig import ALERT, LED, SET_OUTPUT, Rig
from tests.link.targets import PATIENCE_S, TARGETS, Target


def answer(rig: Rig, type_: int, message: fb.Message) -> bytes:
    token = rig.ask(type_, message.pack())
    rig.run_until(lambda: token in rig.outcomes())
    (payload,) = [e.payload for e in rig.events if isinstance(e, Resolved) and e.token == token]
    return payload


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        (ALERT, fb.Alert(kind=1, level=3, duration_ms=500, stamped=1)),
        (SET_OUTPUT, fb.SetOutput(output=LED, value=1, stamped=1)),
    ],
)
def test_answer_has_both_times_and_the_lamp_is_lit(type_: int, message: fb.Message) -> None:
    rig = Rig().connect()
    sent_us = rig.now_us
    stamps = fb.Stamps.of(message, fb.Result(answer(rig, type_, message), 0))
    assert stamps is not None
    assert sent_us <= stamps.received_us <= stamps.actuated_us <= rig.now_us
    assert rig.firmware.led


def test_who_does_not_ask_gets_no_longer_answer() -> None:
    rig = Rig().connect()
    assert answer(rig, ALERT, fb.Alert(kind=1, level=1)) == b""
    assert answer(rig, SET_OUTPUT, fb.SetOutput(output=LED, value=1)) == b""
    silent = fb.Result(b"", 0), fb.Result(bytes(16), 0)  # 16 bytes that mean something else
    assert [fb.Stamps.of(fb.Alert(kind=1, level=1), result) for result in silent] == [None, None]
    assert fb.Stamps.of(fb.Alert(kind=1, level=1, stamped=1), silent[0]) is None


def test_a_refused_command_has_no_times() -> None:
    rig = Rig().connect()
    assert answer(rig, ALERT, fb.Alert(kind=99, level=1, stamped=1)) == b""
    rig = Rig(alive=False)
    rig.run_until(lambda: rig.host.open)
    assert answer(rig, SET_OUTPUT, fb.SetOutput(output=LED, value=1, stamped=1)) == b""


def test_times_are_those_of_the_command_that_asked() -> None:
    """One that does not ask, or is refused, between two that do leaves nothing behind."""
    rig = Rig().connect()
    ask = fb.Alert(kind=1, level=2, stamped=1)
    first = struct.unpack("<QQ", answer(rig, ALERT, ask))
    assert answer(rig, ALERT, fb.Alert(kind=1, level=1)) == b""
    assert answer(rig, ALERT, fb.Alert(kind=1, level=1, duration_ms=0, stamped=1)) == b""
    second = struct.unpack("<QQ", answer(rig, ALERT, ask))
    assert first < second


@pytest.mark.parametrize("name", TARGETS)
def test_times_lie_between_sending_and_the_answer(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = Target(name, tmp_path_factory.mktemp("target"))
    try:
        with fb.connect(target.url, timeout=PATIENCE_S) as link:
            link.request(fb.Alert(kind=1, level=1), timeout=PATIENCE_S)
            assert link.clock.error_ns is not None
            alert = fb.Alert(kind=1, level=1, stamped=1)
            for _ in range(20):
                sent_ns = time.monotonic_ns()
                result = link.request(alert, timeout=PATIENCE_S)
                answered_ns = time.monotonic_ns()
                stamps = fb.Stamps.of(alert, result)
                assert stamps is not None
                told = stamps.on_host(link.clock)
                assert told is not None
                assert sent_ns - told.error_ns <= told.received_ns <= told.actuated_ns
                assert told.actuated_ns <= answered_ns + told.error_ns
    finally:
        target.close()
