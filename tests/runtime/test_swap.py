"""A model swapped in a running pipeline: no frame lost, and the old one back when it must be."""

from __future__ import annotations

import gc
import math
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecore.errors import EngineError
from edgecore.frame import Frame
from edgecore.pipeline import (
    Dropped,
    Governor,
    Pipeline,
    PipelineEvent,
    Result,
    Rule,
    SelfTest,
    Step,
    Swap,
    Trial,
)
from edgecore.pipeline.trial import FEWEST
from tests.reference.trial import verdict

from .pipeline_parts import (
    Adder,
    Camera,
    Failing,
    File,
    Reader,
    StagedReader,
    found,
    frame_of,
    number_of,
)

BOTH = pytest.mark.parametrize("overlap", [False, True])
ENGINES = pytest.mark.parametrize("engines", [1, 2, 3])
PATIENT = {"max_slowdown": None}
"""Of models that take no time the 99th percentile is noise."""


class New(StagedReader):
    """What it finds is told from what the old model finds."""

    def detect(self, frame: Frame, **options: Any) -> Any:
        super().detect(frame, **options)
        return found(1000)


class NewFailing(Failing):
    def detect(self, frame: Frame, **options: Any) -> Any:
        super().detect(frame, **options)
        return found(1000)


class Sleeping(New):
    def detect(self, frame: Frame, **options: Any) -> Any:
        time.sleep(0.05)
        return super().detect(frame, **options)


class Run:
    """A pipeline whose results are fetched one by one, and the events it told."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.events: list[PipelineEvent] = []
        self.results: list[Result] = []
        self.pipeline = Pipeline(*arguments, on_event=self.events.append, **options)
        self._coming: Iterator[Result] = iter(self.pipeline)

    def fetch(self, count: int) -> None:
        for _ in range(count):
            self.results.append(next(self._coming))

    def rest(self) -> None:
        self.results.extend(self._coming)

    def swap_and_run(self, model: Any, **how: Any) -> Swap:
        """Swap after ten results, wait until it is in or refused, and fetch all that come."""
        self.fetch(10)
        swap = self.pipeline.swap(model, **how)
        until(lambda: swap.outcome is not None or "swapped" in self.told())
        self.rest()
        assert swap.wait(20)
        self.pipeline.close()
        return swap

    def told(self) -> list[str]:
        return [each.kind for each in self.events if each.kind.startswith("swap")]

    def by_new(self) -> list[bool]:
        return [int(each.detections.xyxy[0, 0]) == 1000 for each in self.results]


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end_s = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end_s, "never happened"
        time.sleep(0.001)


@BOTH
@ENGINES
def test_no_frame_of_a_file_is_lost_and_order_is_kept(engines: int, overlap: bool) -> None:
    run = Run(File(200), [StagedReader() for _ in range(engines)], overlap=overlap)
    swap = run.swap_and_run([New() for _ in range(engines)], trial=Trial(frames=50, **PATIENT))
    assert (swap.outcome, swap.reason) == ("confirmed", "New: 50 frames, 0 of them slow, 0 failed")
    assert run.told() == ["swap_verified", "swapped", "swap_confirmed"]
    assert [each.frame_id for each in run.results] == list(range(200))
    assert run.pipeline.dropped == {"source": Dropped()}
    assert {each.dropped for each in run.results} == {Dropped()}
    by_new = run.by_new()
    assert not any(by_new[:10])
    assert all(by_new[-100:])
    if engines == 1:
        assert by_new == sorted(by_new), "each frame is either before the swap or after it"


def test_at_most_one_frame_of_a_camera_is_dropped() -> None:
    camera = Camera()
    run = Run(camera, StagedReader(), overlap=False)
    run.pipeline.start()
    camera.ready()
    for number in range(40):
        camera.shoot(number)
        run.fetch(1)
        if number == 10:
            swap = run.pipeline.swap(New(), trial=Trial(frames=10, **PATIENT))
            until(lambda: "swapped" in run.told())
    camera.end()
    run.rest()
    assert swap.wait(20)
    assert swap.outcome == "confirmed"
    assert [each.frame_id for each in run.results] == list(range(40))
    assert run.pipeline.dropped == {"source": Dropped()}
    assert run.by_new() == [False] * 11 + [True] * 29
    run.pipeline.close()


@BOTH
@ENGINES
@pytest.mark.parametrize(
    "error", [EngineError("out of tune"), ValueError("out of tune")], ids=lambda e: type(e).__name__
)
def test_the_frame_on_which_a_new_model_fails_goes_to_the_old_one(
    engines: int, overlap: bool, error: Exception
) -> None:
    run = Run(File(200), [StagedReader() for _ in range(engines)], overlap=overlap)
    new = [NewFailing(range(40, 256), error) for _ in range(engines)]
    swap = run.swap_and_run(new, trial=Trial(frames=150, **PATIENT))
    assert swap.outcome == "rolled_back"
    assert "failed on 1 of" in swap.reason
    assert swap.reason.endswith("out of tune")
    assert run.told() == ["swap_verified", "swapped", "swap_rolled_back"]
    assert [each.kind for each in run.events if each.kind not in run.told()] == ["source_ended"]
    assert [each.frame_id for each in run.results] == list(range(200))
    assert run.pipeline.dropped == {"source": Dropped()}
    by_new = run.by_new()
    assert any(by_new[10:40])
    assert not any(by_new[:10])
    assert not any(by_new[40:])


@BOTH
def test_a_new_model_whose_input_cannot_be_made_is_withdrawn_too(overlap: bool) -> None:
    class Unprepared(New):
        def prepare(self, frame: Frame, out: Any = None) -> Any:
            raise ValueError("too small")

        def detect(self, frame: Frame, **options: Any) -> Any:
            raise ValueError("too small")

    run = Run(File(60), StagedReader(), overlap=overlap)
    swap = run.swap_and_run(Unprepared())
    assert swap.outcome == "rolled_back"
    assert [each.frame_id for each in run.results] == list(range(60))
    assert not any(run.by_new())


@BOTH
def test_a_slow_model_is_withdrawn_and_its_frames_are_results(overlap: bool) -> None:
    run = Run(File(60), StagedReader(), overlap=overlap)
    swap = run.swap_and_run(Sleeping(), trial=Trial(frames=40, max_latency_ms=20))
    assert swap.outcome == "rolled_back"
    assert "expected at most 20.0 ms" in swap.reason
    assert [each.frame_id for each in run.results] == list(range(60))
    assert sum(run.by_new()) == 1


@pytest.mark.parametrize(("before", "outcome"), [(30, "rolled_back"), (FEWEST - 1, "confirmed")])
def test_a_model_is_measured_by_the_one_before_where_that_has_run_enough(
    before: int, outcome: str
) -> None:
    gate = threading.Semaphore(before)
    old = StagedReader(gate)
    run = Run(File(100), old, overlap=False)
    run.fetch(before)
    for _ in range(before + 1):
        assert old.begun.acquire(timeout=20)
    swap = run.pipeline.swap(New(), trial=Trial(frames=40, max_slowdown=1e-6))
    until(lambda: "swapped" in run.told())
    gate.release(100)
    run.rest()
    assert swap.wait(20)
    assert swap.outcome == outcome
    assert [each.frame_id for each in run.results] == list(range(100))
    run.pipeline.close()


def test_errors_that_a_trial_allows_cost_their_frames_and_not_the_engine() -> None:
    run = Run(File(100), StagedReader(), overlap=False)
    new = NewFailing(range(40, 44), EngineError("out of tune"))
    swap = run.swap_and_run(new, trial=Trial(frames=60, max_errors=4, **PATIENT))
    assert swap.outcome == "confirmed"
    assert swap.reason.endswith("4 failed")
    assert [each.frame_id for each in run.results] == [*range(40), *range(44, 100)]
    assert run.pipeline.dropped == {"source": Dropped(failed=4)}
    kinds = [each.kind for each in run.events]
    assert kinds.count("engine_error") == 4
    assert "engine_failed" not in kinds


@given(
    failing=st.sets(st.integers(11, 50)).filter(
        lambda numbers: not any({n, n + 1, n + 2} <= numbers for n in numbers)
    ),
    frames=st.integers(1, 60),
    errors=st.integers(0, 6),
)
def test_every_frame_is_a_result_but_those_that_the_trial_or_the_confirmed_model_lost(
    failing: set[int], frames: int, errors: int
) -> None:
    errors = min(errors, frames - 1)
    gate = threading.Semaphore(10)
    old = StagedReader(gate)
    run = Run(File(60), old, overlap=False)
    run.fetch(10)
    for _ in range(11):  # the old model now has the frame after these
        assert old.begun.acquire(timeout=20)
    new = NewFailing(tuple(failing), EngineError("out of tune"))
    swap = run.pipeline.swap(new, trial=Trial(frames, max_errors=errors, **PATIENT))
    until(lambda: "swapped" in run.told())
    gate.release(100)
    run.rest()
    assert swap.wait(20)
    run.pipeline.close()
    fates = [None if number in failing else 0.0 for number in range(11, 60)]
    said = verdict(fates, frames, math.inf, errors)
    count, stays = said if said is not None else (60, False)
    end = 60 if stays or said is None else 11 + count - 1
    lost = {number for number in failing if number < end}
    assert [each.frame_id for each in run.results] == [n for n in range(60) if n not in lost]
    assert run.by_new() == [11 <= each.frame_id < end for each in run.results]
    assert run.pipeline.dropped == {"source": Dropped(failed=len(lost))}
    assert swap.outcome == ("confirmed" if stays else "rolled_back")
    assert run.told() == ["swap_verified", "swapped", f"swap_{swap.outcome}"]


def test_a_recurrent_model_begins_anew_and_so_does_the_old_one_after_it() -> None:
    class NewAdder(Adder):
        def detect(self, frame: Frame, **options: Any) -> Any:
            if int(frame.planes[0][0, 0, 0]) == 30:
                raise EngineError("out of tune")
            return super().detect(frame, **options)

    run = Run(File(60), Adder(), overlap=False)
    swap = run.swap_and_run(NewAdder(), trial=Trial(frames=40, **PATIENT))
    sums = [int(each.detections.xyxy[0, 0]) for each in run.results]
    begun = next(n for n in range(2, 60) if sums[n] == n)
    assert 10 <= begun < 30
    assert sums[:begun] == [sum(range(n + 1)) for n in range(begun)]
    assert sums[begun:30] == [sum(range(begun, n + 1)) for n in range(begun, 30)]
    assert sums[30:] == [sum(range(30, n + 1)) for n in range(30, 60)]
    swapped = next(each for each in run.events if each.kind == "swapped")
    assert swapped.reason.endswith("its state begins anew")
    assert swap.reason.endswith("the old model's state begins anew")


def test_a_model_refused_by_its_self_test_never_runs() -> None:
    run = Run(File(40), StagedReader(), overlap=False)
    new = New()
    test = SelfTest([frame_of(1)], judge=lambda _: "finds nothing")
    swap = run.swap_and_run(new, self_test=test)
    assert (swap.outcome, swap.reason) == ("refused", "New: self-test: finds nothing")
    assert run.told() == ["swap_verified", "swap_refused"]
    assert not any(run.by_new())
    assert len(run.results) == 40


def test_a_judge_that_calls_exit_refuses_the_model() -> None:
    def leave(_: object) -> None:
        sys.exit(3)

    run = Run(File(40), StagedReader(), overlap=False)
    swap = run.swap_and_run(New(), self_test=SelfTest([frame_of(1)], judge=leave))
    assert (swap.outcome, swap.reason) == ("refused", "New: SystemExit: 3")


def test_what_a_self_test_measured_is_told() -> None:
    run = Run(File(40), StagedReader(), overlap=False)
    test = SelfTest([frame_of(1), frame_of(2)], expected=[found(1000)] * 2)
    swap = run.swap_and_run(New(), self_test=test, trial=Trial(frames=10, **PATIENT))
    assert swap.outcome == "confirmed"
    assert run.told() == ["swap_verified", "swap_tested", "swapped", "swap_confirmed"]
    tested = next(each for each in run.events if each.kind == "swap_tested")
    assert tested.reason.startswith("New: 2 frames, 99 of 100 within ")


def test_the_model_that_lost_its_place_is_closed_and_let_go() -> None:
    class Closed(StagedReader):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    old, new, worse = Closed(), Closed(), NewFailing(range(256), EngineError("out of tune"))
    first, second = weakref.ref(old), weakref.ref(worse)
    run = Run(File(200), old, overlap=False)
    run.fetch(10)
    swap = run.pipeline.swap(new, trial=Trial(frames=20, **PATIENT))
    until(lambda: "swapped" in run.told())
    run.fetch(40)
    assert swap.wait(20)
    swap.join(20)
    assert (old.closed, new.closed) == (1, 0)
    again = run.pipeline.swap(worse)
    until(lambda: run.told().count("swapped") == 2)
    run.rest()
    assert again.wait(20)
    again.join(20)
    assert again.outcome == "rolled_back"
    del old, worse, again, swap
    gc.collect()
    assert first() is None
    assert second() is None
    run.pipeline.close()
    assert new.closed == 0, "who made it closes it"
    assert [each.frame_id for each in run.results] == list(range(200))


def test_a_trial_waits_while_the_governor_has_a_smaller_model_run() -> None:
    heat = [90.0]
    governor = Governor(
        [Rule("heat", above=80, below=60, hold_s=0.0)],
        [Step(model="tiny")],
        readings={"heat": lambda: heat[0]},
        period_s=0.001,
    )
    tiny = StagedReader()
    run = Run(File(200), StagedReader(), overlap=False, governor=governor, models={"tiny": tiny})
    run.fetch(10)
    until(lambda: [each.kind for each in run.events] == ["governor"])
    swap = run.pipeline.swap(NewFailing(range(100), EngineError("out of tune")))
    until(lambda: "swapped" in run.told())
    run.fetch(50)
    assert {each.model for each in run.results[20:]} == {"tiny"}
    assert swap.outcome is None
    heat[0] = 50.0
    until(lambda: [each.kind for each in run.events].count("governor") == 2)
    run.rest()
    assert swap.wait(20)
    assert swap.outcome == "rolled_back"
    assert [each.frame_id for each in run.results] == list(range(200))
    run.pipeline.close()


def test_a_pipeline_that_ends_during_a_trial_does_not_confirm_it() -> None:
    run = Run(File(40), StagedReader(), overlap=False)
    swap = run.swap_and_run(New(), trial=Trial(frames=1000, **PATIENT))
    assert swap.outcome == "rolled_back"
    assert "the pipeline ended after" in swap.reason
    assert run.told() == ["swap_verified", "swapped", "swap_rolled_back"]


def test_a_pipeline_that_ends_before_the_new_model_is_ready_refuses_it() -> None:
    begun, gate = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        begun.set()
        gate.wait(20)

    run = Run(File(40), StagedReader(), overlap=False)
    run.fetch(1)
    swap = run.pipeline.swap(New(), self_test=SelfTest([frame_of(0)], judge=wait))
    assert begun.wait(20)
    threading.Timer(0.1, gate.set).start()
    run.pipeline.close()
    assert (swap.outcome, swap.reason) == ("refused", "New: the pipeline ended")
    swap.join(20)
    assert run.told() == ["swap_verified", "swap_refused"]


@pytest.mark.parametrize("overlap", [True, False, None])
@ENGINES
def test_a_detector_without_stages_takes_the_place_of_one_that_has_them_and_back(
    monkeypatch: pytest.MonkeyPatch, engines: int, overlap: bool | None
) -> None:
    class Whole(Reader):
        def detect(self, frame: Frame) -> Any:
            if number_of(frame) >= 100:
                raise EngineError("out of tune")
            super().detect(frame)
            return found(1000)

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8))  # room to overlap
    run = Run(File(200), [StagedReader() for _ in range(engines)], overlap=overlap)
    swap = run.swap_and_run([Whole() for _ in range(engines)], trial=Trial(frames=150, **PATIENT))
    assert swap.outcome == "rolled_back"
    assert swap.reason.endswith("out of tune")
    assert [each.frame_id for each in run.results] == list(range(200))
    by_new = run.by_new()
    assert any(by_new[10:100])
    assert not any(by_new[:10] + by_new[100:])


def test_a_new_model_that_does_not_fit_the_pipeline_is_refused() -> None:
    run = Run(File(40), [StagedReader(), StagedReader()], overlap=False)
    swap = run.swap_and_run([Adder(), Adder()])
    assert "a recurrent model needs its sources to keep to one engine" in swap.reason
    assert len(run.results) == 40


def test_swaps_that_cannot_be_are_refused_at_once() -> None:
    with Pipeline(File(40), StagedReader(), overlap=False) as pipeline:
        with pytest.raises(RuntimeError, match="expected a pipeline that runs"):
            pipeline.swap(New())
        coming = iter(pipeline)
        next(coming)
        with pytest.raises(ValueError, match="expected 1 detectors, one for each engine, got 2"):
            pipeline.swap([New(), New()])
        with pytest.raises(TypeError, match=r"options with a file only, got \['engine'\]"):
            pipeline.swap(New(), engine="litert")
        with pytest.raises(TypeError, match="expected detectors, got int"):
            pipeline.swap(7)  # type: ignore[arg-type]
        pipeline.swap(New(), trial=Trial(frames=1000))
        with pytest.raises(RuntimeError, match="no other one under way"):
            pipeline.swap(New())
        list(coming)
        with pytest.raises(RuntimeError, match="expected a pipeline that runs"):
            pipeline.swap(New())
