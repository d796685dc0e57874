"""What those who are told of a swap may do: close the pipeline, wait, fail."""

from __future__ import annotations

import threading

import pytest

from edgecore.pipeline import Pipeline, PipelineEvent, Result, SelfTest, Trial

from .pipeline_parts import File, StagedReader, frame_of
from .test_swap import PATIENT, New, until


def test_a_callback_that_closes_does_not_wait_for_a_model_that_is_tested() -> None:
    testing, gate, closed = threading.Event(), threading.Event(), threading.Event()

    def wait(_: object) -> None:
        testing.set()
        gate.wait(60)

    def stop(_: Result) -> None:
        if testing.is_set():
            pipeline.close(timeout_s=60)
            closed.set()

    with Pipeline(File(10**6), StagedReader(), overlap=False) as pipeline:
        pipeline.start(stop)
        swap = pipeline.swap(New(), self_test=SelfTest([frame_of(0)], judge=wait))
        assert closed.wait(20)
        assert (swap.outcome, swap.reason) == ("refused", "New: the pipeline ended")
        gate.set()
    assert swap.join(20)


def test_a_pipeline_that_is_closed_by_who_is_told_the_outcome_waits_for_nothing() -> None:
    ended: list[bool] = []

    def told(event: PipelineEvent) -> None:
        if event.kind == "swap_confirmed":
            pipeline.close()
            ended.append(swap.wait(0))

    pipeline = Pipeline(File(10**6), StagedReader(), overlap=False, on_event=told)
    pipeline.start(lambda _: None)
    swap = pipeline.swap(New(), trial=Trial(frames=10))
    assert pipeline.wait(30)
    assert pipeline.close(timeout_s=20)
    assert (swap.outcome, ended) == ("confirmed", [True])


def test_a_pipeline_is_closed_at_once_by_who_is_told_that_the_new_model_runs() -> None:
    new, ended = New(), []

    def told(event: PipelineEvent) -> None:
        if event.kind == "swapped":
            for _ in range(2):  # the engine has told what became of the first frame
                assert new.begun.acquire(timeout=20)
            ended.append(pipeline.close(timeout_s=20))

    pipeline = Pipeline(File(10**6), StagedReader(), overlap=False, on_event=told)
    pipeline.start(lambda _: None)
    swap = pipeline.swap(new, trial=Trial(frames=10**5, **PATIENT))
    assert pipeline.wait(60)
    assert pipeline.close(timeout_s=20)
    assert ended == [True]
    assert swap.outcome == "rolled_back"


def test_who_is_told_that_the_new_model_runs_may_wait_for_its_trial() -> None:
    outcomes: list[str | None] = []

    def told(event: PipelineEvent) -> None:
        events.append(event.kind)
        if event.kind == "swapped":
            swap.wait(20)
            outcomes.append(swap.outcome)

    events: list[str] = []
    started = threading.Event()
    judge = lambda _: None if started.wait(20) else "never begun"  # noqa: E731
    with Pipeline(File(10**6), StagedReader(), overlap=False, on_event=told) as pipeline:
        pipeline.start(lambda _: None)
        swap = pipeline.swap(
            New(), self_test=SelfTest([frame_of(0)], judge=judge), trial=Trial(frames=20, **PATIENT)
        )
        started.set()
        until(lambda: "swap_confirmed" in events)
    assert outcomes == ["confirmed"]
    assert events[-3:] == ["swap_tested", "swapped", "swap_confirmed"]


def test_what_listens_to_events_and_fails_ends_the_pipeline_not_the_process() -> None:
    def told(event: PipelineEvent) -> None:
        if event.kind == "swapped":
            raise RuntimeError("no more room")

    with Pipeline(File(200), StagedReader(), overlap=False, on_event=told) as pipeline:
        coming = iter(pipeline)
        next(coming)
        swap = pipeline.swap(New(), trial=Trial(frames=100))
        with pytest.raises(RuntimeError, match="no more room"):
            until(lambda: next(coming) is None)
        assert swap.wait(20)
        assert swap.outcome == "rolled_back"
