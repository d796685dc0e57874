"""Legs and percentiles are what a plain twin makes of the same stamps."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware_bridge as fb
import tests.properties  # noqa: F401
from edgecore.detections import Detections, Timings
from edgecore.testing.latency import LEGS, LatencyLab, Passage, distribution
from firmware_bridge.messages import message_class
from firmware_bridge.testing.load import nearest_rank

ALERT = fb.Alert(kind=1, level=1, duration_ms=10)
INSTANT = st.integers(-(10**12), 10**12)
MAYBE = st.none() | INSTANT


@given(st.lists(INSTANT, min_size=1), st.integers(1, 100))
def test_percentiles_are_those_of_counting(values: list[int], percent: int) -> None:
    """The least value that so many percent do not exceed, found by trying each."""
    twin = min(
        value for value in values if 100 * sum(v <= value for v in values) >= percent * len(values)
    )
    assert nearest_rank(sorted(values), percent) == twin


def lies_elsewhere(passage: Passage) -> bool:
    """Whether the device had it before it was sent, or was done after its answer was here."""
    bound = passage.error_ns or 0
    early = passage.received_ns is not None and passage.received_ns + bound < passage.sent_ns
    late = passage.actuated_ns is not None and passage.actuated_ns - bound > passage.acknowledged_ns
    return None not in (passage.received_ns, passage.actuated_ns) and (early or late)


@given(
    st.lists(
        st.builds(
            Passage, INSTANT, MAYBE, MAYBE, INSTANT, MAYBE, MAYBE, INSTANT, st.integers(0, 10**9)
        ),
        max_size=30,
    ),
    st.sampled_from(LEGS),
)
def test_a_leg_is_the_difference_of_its_stamps(passages: list[Passage], leg: Any) -> None:
    found = distribution("series", leg, passages)
    twin, errors = [], []
    for passage in passages:
        begin, end = getattr(passage, leg.begin), getattr(passage, leg.end)
        told_apart = passage.inference_begun_ns is not None and leg.name == "wait to be sent"
        if leg.crosses and lies_elsewhere(passage):
            continue
        if begin is not None and end is not None and not told_apart:
            twin.append((end - begin) / 1e6)
            errors.append((passage.error_ns or 0) / 1e6)
    if not twin:
        assert found is None
        return
    assert found is not None
    assert found.count == len(twin)
    assert list(found.values_ms) == sorted(twin)
    for name, percent in (("p50_ms", 50), ("p95_ms", 95), ("p99_ms", 99), ("max_ms", 100)):
        assert getattr(found, name) == np.percentile(twin, percent, method="inverted_cdf")
    assert found.error_ms == (max(errors) if leg.crosses else None)


def test_stamps_of_a_clock_that_jumped_are_no_times_between_two_clocks() -> None:
    before = Passage(0, None, None, 10, 20, 25, 40, 5)
    jumped = Passage(0, None, None, 10, 20 + 10**9, 25 + 10**9, 40, 5)
    counts = {
        leg.name: found.count
        for leg in LEGS
        if (found := distribution("series", leg, [before, before, jumped])) is not None
    }
    assert counts == {
        "wait to be sent": 3,
        "to the device": 2,
        "in the device": 3,
        "back to the host": 2,
        "sent to acknowledged": 3,
        "due to actuated": 2,
        "due to acknowledged": 3,
    }


def test_legs_of_the_whole_way_add_up() -> None:
    passage = Passage(0, 10, 30, 31, 50, 51, 60, 5)
    took = {leg.name: passage.leg_ns(leg) for leg in LEGS}
    assert took.pop("wait to be sent") is None
    assert list(took.values()) == [10, 20, 1, 19, 1, 9, 29, 51, 60]


@pytest.fixture(scope="module")
def link() -> Any:
    with fb.connect("sim:") as made:
        yield made


def test_a_device_that_does_not_tell_has_fewer_legs(link: fb.Link) -> None:
    """As one whose command has no field `stamped`, or that is older."""
    older = fb.MessageInfo("Alert", 1, 1, 4, link.schema.by_name["Alert"].fields[:3])
    alert = message_class(older)(kind=1, level=1, duration_ms=10)
    told = LatencyLab().commands(link, "single-stream", alert, 3)
    assert [one.leg for one in told] == [
        "wait to be sent",
        "sent to acknowledged",
        "due to acknowledged",
    ]


def test_what_failed_is_counted_and_has_no_legs(link: fb.Link) -> None:
    lab = LatencyLab()
    assert lab.commands(link, "burst", fb.Alert(kind=99, level=1), 4, rate_hz=1000) == []
    assert lab.failed == {"commands, burst": 4}
    assert lab.record() == [{"series": "commands, burst", "failed": 4, "passages": []}]
    assert lab.properties() == []


def test_series_of_one_mode_are_one(link: fb.Link) -> None:
    lab = LatencyLab()
    lab.commands(link, "single-stream", ALERT, 3)
    told = lab.commands(link, "single-stream", ALERT, 2)
    assert {one.count for one in told} == {5}
    assert lab.distributions() == told


def test_a_frame_waits_for_the_one_before_and_its_wait_counts(link: fb.Link) -> None:
    """All are due at once and each takes at least 10 ms to look at."""
    seen: list[int] = []

    def detect(frame: int) -> Detections:
        seen.append(frame)
        ends_ns = time.monotonic_ns() + 10_000_000
        while time.monotonic_ns() < ends_ns:
            pass
        found = Detections.empty()
        found.timings = Timings(1.0, 8.0, 1.0)
        return found

    lab = LatencyLab()
    told = lab.frames(link, "burst", detect, [7, 8], ALERT, 5, rate_hz=1000)
    assert seen == [7, 8, 7, 8, 7]
    legs = {one.leg: one for one in told}
    assert legs["inference"].values_ms == (9.0,) * 5
    waits = legs["wait for inference"].values_ms
    assert all(wait >= 10 * number for number, wait in enumerate(waits))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("daily", ALERT, 3),
            "expected mode single-stream, .*, burst, got 'daily'",
        ),
        (("poisson", ALERT, 0), "count must be above zero, got 0"),
        (("single-stream", ALERT, 0), "count must be above zero, got 0"),
    ],
)
def test_nonsense_is_refused(link: fb.Link, arguments: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        LatencyLab().commands(link, *arguments)
    with pytest.raises(ValueError, match="expected at least one frame, got none"):
        LatencyLab().frames(link, "poisson", lambda _: Detections.empty(), [], ALERT)


def test_the_diary_of_an_agent_is_read() -> None:
    times = {"captured_ns": 0, "inference_begun_ns": 1, "inference_ended_ns": 3, "sent_ns": 4}
    device = {"received_ns": 6, "actuated_ns": 7, "error_ns": 2}
    events = [
        {"event": "alert", "alert": 1},
        {"event": "alert_result", "outcome": "done", "times": times | {"acknowledged_ns": 9}},
        {
            "event": "alert_result",
            "outcome": "done",
            "times": times | {"acknowledged_ns": 9} | device,
        },
        {"event": "alert_result", "outcome": "refused", "times": None},
    ]
    lab = LatencyLab()
    told = {one.leg: one for one in lab.agent(events)}
    assert lab.failed == {"agent": 1}
    assert told["inference"].values_ms == (2e-6, 2e-6)
    assert (told["to the device"].values_ms, told["to the device"].error_ms) == ((2e-6,), 2e-6)
    assert told["due to actuated"].values_ms == (7e-6,)
    events.append({"event": "alert_result", "outcome": "refused", "times": None, "alert": 2})
    lab.agent(events)
    assert lab.failed == {"agent": 2}
    assert len(lab.passages["agent"]) == 2
