"""Waiting ends when its time is over, of which what this process missed is little."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.patience import FINEST_S, SLICE_S, Patience


@given(limit_s=st.floats(0, 5), late_s=st.floats(0, SLICE_S))
def test_it_waits_for_its_time_and_no_longer(limit_s: float, late_s: float) -> None:
    now_s = 100.0
    patience = Patience(limit_s, lambda: now_s)
    while (slice_s := patience.slice_s()) > 0:
        assert slice_s <= SLICE_S
        now_s += slice_s + late_s
    assert limit_s - FINEST_S <= now_s - 100 <= limit_s + 2 * SLICE_S


@given(limit_s=st.floats(0.001, 5), still_s=st.floats(2.1 * SLICE_S, 600), at=st.floats(0, 1))
def test_what_came_while_it_stood_still_is_looked_at_before_its_time_is_over(
    limit_s: float, still_s: float, at: float
) -> None:
    now_s = 0.0
    patience = Patience(limit_s, lambda: now_s)
    while now_s + (slice_s := patience.slice_s()) < at * limit_s:
        now_s += slice_s
    waited_s, now_s = now_s, now_s + still_s
    looked_s = now_s
    while (slice_s := patience.slice_s()) > 0:
        now_s += slice_s
    assert now_s > looked_s
    assert now_s - looked_s <= max(limit_s - waited_s - 2 * SLICE_S, SLICE_S) + 1e-3


@given(limit_s=st.floats(0, 5))
def test_one_that_hardly_ever_runs_comes_to_an_end_too(limit_s: float) -> None:
    clock = itertools.count(0.0, 60.0)
    patience = Patience(limit_s, lambda: next(clock))
    waits = sum(1 for _ in iter(patience.slice_s, 0.0))
    assert waits <= limit_s / (2 * SLICE_S) + 2
