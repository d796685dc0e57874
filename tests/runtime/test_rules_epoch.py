"""What rules say hangs on how far frames lie apart, not on when the machine was booted."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from edgecore import Detections
from edgecore.rules import CollisionRule, Event, Moment, RuleSet, read_rules

from .test_rule_collision import SIZE, boxes, vehicle
from .test_rules_state import QUICK, drive

EPOCHS = st.integers(1, 2**60)
LONG: list[dict[str, Any]] = [
    {**table, **{name: 0.3 for name in ("on_s", "off_s", "leave_s", "enter_s") if name in table}}
    for table in QUICK
]
"""The same with times that several frames of a drive take, to the nanosecond."""


def later(moments: Iterable[Moment], by_ns: int) -> list[Moment]:
    """The same recording at another time."""
    moved = []
    for one in moments:
        records = {name: each.copy() for name, each in one.records.items()}
        for each in records.values():
            each["t_ns"] += by_ns
        moved.append(dataclasses.replace(one, t_ns=one.t_ns + by_ns, records=records))
    return moved


def said(rules: RuleSet, moments: Iterable[Moment], epoch_ns: int) -> list[Event]:
    """What it says of them, at their own times."""
    return [
        dataclasses.replace(event, t_ns=event.t_ns - epoch_ns)
        for one in later(moments, epoch_ns)
        for event in rules.judge(one)
    ]


@given(seed=st.integers(0, 10**6), one=EPOCHS, other=EPOCHS)
def test_a_recording_says_the_same_whenever_it_was_made(seed: int, one: int, other: int) -> None:
    for tables in (QUICK, LONG):
        first, second = (read_rules({"rule": tables}) for _ in range(2))
        assert said(first, drive(seed), one) == said(second, drive(seed), other)


def closing(fps: int, count: int = 100) -> list[Moment]:
    """A car that ego closes in on, in frames that lie apart to the nanosecond."""
    random = np.random.default_rng(fps)
    moments = []
    for number in range(count):
        gap_m = 45.0 - 7.5 * number / fps
        box = boxes(vehicle(max(gap_m, 2.0))) + random.normal(0, 1, (1, 4)).astype(np.float32)
        found = Detections(
            box, np.ones(1, np.float32), np.zeros(1, np.int32), ["car"], tracker_id=np.array([1])
        )
        moments.append(Moment(number, number * 10**9 // fps, found, SIZE, 20.0))
    return moments


@given(epoch_ns=EPOCHS, fps=st.sampled_from([10, 20, 25, 30, 50]))
@example(epoch_ns=1_000_000_001, fps=20)
def test_a_collision_is_seen_to_come_in_the_same_frame_whenever_it_was_recorded(
    epoch_ns: int, fps: int
) -> None:
    first, second = CollisionRule(), CollisionRule()
    for moment, moved in zip(closing(fps), later(closing(fps), epoch_ns), strict=True):
        assert second.assess(moved) == first.assess(moment)
