"""The trial of a new model: its verdict, how soon it comes, and what a self-test asks for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecore.detections import Detections
from edgecore.errors import ModelError, SourceError
from edgecore.pipeline import SelfTest, Trial
from edgecore.pipeline.self_test import found_again
from edgecore.pipeline.trial import FEWEST, Judge
from tests.reference.trial import verdict

from .pipeline_parts import Failing, Reader, found, frame_of

TIMES = st.one_of(st.none(), st.floats(0, 20), st.sampled_from([10.0, 10.000001]))


def judged(judge: Judge, frames: list[float | None]) -> tuple[int, bool] | None:
    outcomes = []
    for number, taken_ms in enumerate(frames, 1):
        said = judge.failed("no") if taken_ms is None else judge.ran(taken_ms)
        if said is not None:
            outcomes.append((number, said.stays))
    assert len(outcomes) <= 1, "a verdict is given once"
    assert judge.stop("the end") is None or not outcomes
    return outcomes[0] if outcomes else None


@given(
    wanted=st.integers(1, 40),
    errors=st.integers(0, 5),
    most_ms=st.none() | st.just(10.0),
    old_ms=st.just([]) | st.lists(st.floats(1, 20), min_size=FEWEST - 1, max_size=FEWEST + 1),
    frames=st.lists(TIMES, max_size=60),
)
def test_the_verdict_is_that_of_the_whole_trial_and_comes_when_it_is_certain(
    wanted: int,
    errors: int,
    most_ms: float | None,
    old_ms: list[float],
    frames: list[float | None],
) -> None:
    errors = min(errors, wanted - 1)
    limits = [most_ms, 2 * max(old_ms) if len(old_ms) >= FEWEST else None]
    limit_ms = min((limit for limit in limits if limit is not None), default=float("inf"))
    trial = Trial(wanted, max_latency_ms=most_ms, max_slowdown=2.0, max_errors=errors)
    assert judged(Judge(trial, old_ms), frames) == verdict(frames, wanted, limit_ms, errors)


@given(slow=st.integers(0, 4), data=st.data())
def test_one_frame_in_a_hundred_may_be_slow(slow: int, data: st.DataObject) -> None:
    places = data.draw(st.sets(st.integers(0, 199), min_size=slow, max_size=slow))
    frames: list[float | None] = [11.0 if place in places else 1.0 for place in range(200)]
    got = judged(Judge(Trial(200, max_latency_ms=10.0)), frames)
    assert got == verdict(frames, 200, 10.0, 0)
    assert got is not None
    assert got[1] == (slow <= 2)


def test_a_trial_that_is_cut_short_is_not_passed() -> None:
    judge = Judge(Trial(frames=3))
    judge.ran(1.0)
    said = judge.stop("the pipeline ended")
    assert said == (False, "the pipeline ended after 1 of 3 frames")
    assert judge.ran(1.0) is judge.ran(1.0) is judge.failed("late") is None


def test_verdicts_say_what_was_expected_and_what_came() -> None:
    said = Judge(Trial(max_latency_ms=9, frames=5)).ran(12.5)
    assert said is not None
    assert said.reason.startswith("12.5 ms for a frame, expected at most 9.0 ms")
    said = Judge(Trial(frames=5)).failed("out of tune")
    assert said is not None
    assert said.reason == "failed on 1 of 1 frames, expected at most 0: out of tune"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"frames": 0}, "at least 1 frame, got 0"),
        ({"frames": 5, "max_errors": 5}, "max_errors from 0 to 4, got 5"),
        ({"max_latency_ms": 0.0}, "positive max_latency_ms, got 0"),
        ({"max_slowdown": float("nan")}, "positive max_slowdown, got nan"),
    ],
)
def test_a_trial_of_numbers_that_make_no_sense_is_refused(
    settings: dict[str, float], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Trial(**settings)  # type: ignore[arg-type]


FRAMES = [frame_of(number) for number in range(4)]


def test_a_self_test_measures_a_model_that_finds_what_is_expected() -> None:
    seen: list[int] = []

    def judge(each: object) -> None:
        assert isinstance(each, list)
        seen.extend(int(one.xyxy[0, 0]) for one in each)

    expected = [found(number) for number in range(4)]
    measured = SelfTest(FRAMES, expected=expected, judge=judge).run(Reader())
    assert measured.frames == 4
    assert measured.p99_ms > 0
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("test", "complaint"),
    [
        (SelfTest([]), "expected recorded frames, got none"),
        (SelfTest(FRAMES, expected=[found(0)]), "detections of 1 frames, got 4 frames"),
        (
            SelfTest(FRAMES, expected=[found(number + 1) for number in range(4)]),
            "expected 90% of 4 boxes to be found again, got 0",
        ),
        (SelfTest(FRAMES, judge=lambda _: "too few cars"), "self-test: too few cars"),
        (SelfTest(FRAMES, max_latency_ms=1e-9), "expected at most 0.0 ms for 99 of 100"),
        (SelfTest("synthetic:"), "expected recorded frames, got synthetic:"),
    ],
)
def test_a_self_test_that_is_not_passed_says_why(test: SelfTest, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        test.run(Reader())


def test_what_a_model_or_a_source_raises_in_a_self_test_is_told() -> None:
    with pytest.raises(RuntimeError, match="out of tune"):
        SelfTest(FRAMES).run(Failing((2,), RuntimeError("out of tune")))
    with pytest.raises(SourceError, match="nowhere"):
        SelfTest("nowhere.mp4").run(Reader())


@pytest.mark.parametrize("number", [-0.1, 1.1, float("nan")])
def test_shares_and_times_out_of_range_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match=r"min_found in \[0, 1\]"):
        SelfTest([], min_found=number)
    with pytest.raises(ValueError, match="positive max_latency_ms"):
        SelfTest([], max_latency_ms=-abs(number))


def boxes(*rows: tuple[float, float, float, float, str]) -> Detections:
    return Detections(
        xyxy=np.array([row[:4] for row in rows], np.float32).reshape(-1, 4),
        confidence=np.ones(len(rows), np.float32),
        class_id=np.zeros(len(rows), np.int32),
        class_name=[row[4] for row in rows],
    )


def test_a_box_is_found_again_where_class_and_place_agree_and_only_once() -> None:
    car = (0.0, 0.0, 10.0, 10.0, "car")
    assert found_again(boxes(car), boxes(car)) == 1
    assert found_again(boxes(car), boxes((0, 0, 10, 6, "car"))) == 1
    assert found_again(boxes(car), boxes((0, 0, 10, 4, "car"))) == 0
    assert found_again(boxes(car), boxes((*car[:4], "bus"))) == 0
    assert found_again(boxes(car), boxes((*car[:4], "bus"), (0, 0, 10, 9, "car"))) == 1
    assert found_again(boxes(car, car), boxes(car)) == 1
    assert found_again(boxes(), boxes(car)) == found_again(boxes(car), boxes()) == 0
