"""The governor's state machine, by a clock of the test's own; and what it reads."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecore.pipeline import Change, Governor, PipelineEvent, Rule, Step
from edgecore.pipeline.governor_thread import GovernorThread
from edgecore.pipeline.readings import CpuPercent, LatencyMs, temperature_c

HEAT = Rule("temperature_c", above=80, below=70, hold_s=5)
SLOW = Rule("latency_ms", above=200, below=100, hold_s=2)
STEPS = [Step(max_fps=10), Step(max_fps=5), Step(max_fps=5, model="small")]


def levels(governor: Governor, heats: list[float | None]) -> list[int]:
    """The level after each second with this temperature."""
    shown = []
    for second, heat in enumerate(heats):
        governor.update(float(second), {"temperature_c": heat})
        shown.append(governor.level)
    return shown


def test_heat_that_holds_goes_down_the_ladder_step_by_step() -> None:
    assert levels(Governor([HEAT], STEPS), [85.0] * 22) == ([0] * 5 + [1] * 6 + [2] * 6 + [3] * 5)


def test_a_short_peak_changes_nothing() -> None:
    assert (
        levels(Governor([HEAT], STEPS), [85.0, 85, 85, 85, 79, 85, 85, 85, 85, 79] * 3) == [0] * 30
    )


def test_between_the_bounds_the_level_stays() -> None:
    heats = [85.0] * 6 + [75.0] * 100
    assert levels(Governor([HEAT], STEPS), heats)[-1] == 1


def test_coolness_that_holds_goes_back_up() -> None:
    shown = levels(Governor([HEAT], STEPS), [85.0] * 12 + [60.0] * 20)
    assert shown[11] == 2
    assert [level for level, _ in itertools.groupby(shown)] == [0, 1, 2, 1, 0]


def test_reading_that_cannot_be_had_changes_nothing() -> None:
    assert levels(Governor([HEAT], STEPS), [85.0] * 6 + [None] * 50)[-1] == 1
    assert levels(Governor([HEAT], STEPS), [None] * 50)[-1] == 0


def test_any_rule_slows_down_and_all_let_go() -> None:
    governor = Governor([HEAT, SLOW], STEPS)
    fast, hot = (
        {"temperature_c": 60.0, "latency_ms": 50.0},
        {"temperature_c": 90.0, "latency_ms": 50.0},
    )
    lagging = {"temperature_c": 60.0, "latency_ms": 300.0}
    assert governor.update(0, lagging) is None
    change = governor.update(2, lagging)
    assert change == Change(1, STEPS[0], "latency_ms 300.0 above 200 for 2 s")
    for second in range(3, 30):
        assert governor.update(second, {"latency_ms": 50.0}) is None, "heat is not known"
    for second in range(30, 35):
        assert governor.update(second, fast) is None
    change = governor.update(35, fast)
    assert change == Change(
        0, Step(), "temperature_c 60.0 below 70 for 5 s, latency_ms 50.0 below 100 for 2 s"
    )
    governor.update(36, hot)
    change = governor.update(41, hot)
    assert change is not None
    assert change.why == "temperature_c 90.0 above 80 for 5 s"


@given(st.lists(st.one_of(st.none(), st.floats(0, 120)), max_size=200))
def test_level_moves_by_one_and_not_before_the_rule_held(heats: list[float | None]) -> None:
    governor, moved = Governor([HEAT], STEPS), 0
    for second, heat in enumerate(heats):
        before = governor.level
        change = governor.update(float(second), {"temperature_c": heat})
        assert abs(governor.level - before) == (change is not None)
        assert 0 <= governor.level <= len(STEPS)
        if change is not None:
            since = heats[second - 5 : second + 1]
            assert second - moved >= 5
            moved = second
            if governor.level > before:
                assert all(each is not None and each > 80 for each in since)
            else:
                assert all(each is not None and each < 70 for each in since)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Rule("x", above=1, below=2), "x: expected below < above, got 2 and 1"),
        (lambda: Rule("x", above=float("nan"), below=2), "expected below < above"),
        (lambda: Rule("x", above=2, below=1, hold_s=-1), "expected hold_s of 0 or more, got -1"),
        (lambda: Step(max_fps=0), "expected a positive max_fps, got 0"),
        (lambda: Governor([], STEPS), "expected rules and steps, got 0 and 3"),
        (lambda: Governor([HEAT], []), "expected rules and steps, got 1 and 0"),
        (lambda: Governor([Rule("x", 2, 1)], STEPS), "expected a rule on one of cpu_percent.* 'x'"),
        (lambda: Governor([HEAT], STEPS, period_s=0), "expected a positive period_s, got 0"),
    ],
)
def test_declaration_that_makes_no_sense_is_refused(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


def test_hottest_zone_counts_and_broken_ones_do_not(tmp_path: Path) -> None:
    assert temperature_c(tmp_path) is None
    for zone, text in enumerate(["41000\n", "83500\n", "nonsense", ""]):
        (tmp_path / f"thermal_zone{zone}").mkdir()
        (tmp_path / f"thermal_zone{zone}/temp").write_text(text)
    assert temperature_c(tmp_path) == 83.5


def test_cpu_load_is_the_share_of_ticks_that_were_not_idle(tmp_path: Path) -> None:
    file = tmp_path / "stat"
    file.write_text("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1\n")
    load = CpuPercent(file)
    assert load() is None
    file.write_text("cpu  160 10 105 820 5 0 0 0 0 0\n")
    assert load() == pytest.approx(75.0)
    file.write_text("nothing")
    assert load() is None
    real = CpuPercent()
    real()
    assert (value := real()) is None or 0 <= value <= 100


def test_latency_is_the_age_that_nearly_all_results_kept() -> None:
    latency = LatencyMs()
    assert latency() is None
    for age in range(1, 101):
        latency.note(float(age))
    assert latency() == 95.0
    assert latency() is None


@pytest.mark.parametrize("value", [OSError("sensor gone"), "hot"])
def test_reading_that_raises_or_is_no_number_is_one_that_cannot_be_had(value: Any) -> None:
    events: list[PipelineEvent] = []
    looked = threading.Event()
    calls = itertools.count()

    def broken() -> Any:
        if next(calls) > 3:
            looked.set()
        if isinstance(value, Exception):
            raise value
        return value

    governor = Governor([Rule("heat", 2, 1, 0)], STEPS, readings={"heat": broken}, period_s=0.001)
    thread = GovernorThread(governor, lambda *_: None, events.append)
    thread.start()
    assert looked.wait(10)
    thread.stop()
    thread.join(10)
    assert events == []
