"""How a pipeline ends: by an error, early, by whoever is told of a result, or not at all."""

from __future__ import annotations

import sys
import threading

import pytest

from edgecore.errors import EngineError, SourceError
from edgecore.frame import Frame
from edgecore.pipeline import Pipeline, PipelineEvent, Result

from .pipeline_parts import Camera, Failing, File, Reader, StagedReader

BOTH = pytest.mark.parametrize("overlap", [False, True])


def test_error_of_a_callback_ends_the_pipeline_and_is_kept() -> None:
    def refuse(result: Result) -> None:
        if result.frame_id == 3:
            raise KeyError("no such rule")

    with Pipeline(File(100), StagedReader()) as pipeline:
        pipeline.start(refuse)
        assert pipeline.wait(30)
        assert isinstance(pipeline.failure, KeyError)


def test_callback_that_calls_exit_ends_the_pipeline_too() -> None:
    with Pipeline(File(100), StagedReader()) as pipeline:
        pipeline.start(lambda _: sys.exit(3))
        assert pipeline.wait(30)
        assert isinstance(pipeline.failure, SystemExit)


@pytest.mark.parametrize("error", [RuntimeError("no such bus"), SystemExit(3)])
def test_source_that_cannot_be_closed_has_ended_all_the_same(error: BaseException) -> None:
    class Stuck(File):
        def close(self) -> None:
            raise error

    with Pipeline({"a": Stuck(3), "b": File(5)}, StagedReader()) as pipeline:
        pipeline.start(lambda _: None)
        assert pipeline.wait(30)
        assert isinstance(pipeline.failure, SourceError)
        assert pipeline.failure.source == "a"


def test_source_that_calls_exit_ends_alone() -> None:
    class Leaving(File):
        def __next__(self) -> Frame:
            sys.exit(3)

    results: list[Result] = []
    with Pipeline({"a": Leaving(3), "b": File(5)}, StagedReader()) as pipeline:
        pipeline.start(results.append)
        assert pipeline.wait(30)
        assert str(pipeline.failure) == "a: SystemExit: 3"
    assert len(results) == 5


@BOTH
def test_leaving_early_ends_every_thread_and_closes_the_sources(overlap: bool) -> None:
    before = set(threading.enumerate())
    file, camera = File(10**6), Camera()
    with Pipeline({"a": file, "b": camera}, [StagedReader(), StagedReader()], overlap=overlap) as p:
        for result in p:
            if result.frame_id == 5:
                break
        assert p.close()
    assert set(threading.enumerate()) == before
    assert file.closed
    assert camera.closed
    with pytest.raises(RuntimeError, match="started once; this one is closed"):
        p.start()


def test_pipeline_that_was_never_started_closes_its_sources() -> None:
    file = File(3)
    with Pipeline(file, Reader()):
        pass
    assert file.closed


def test_hung_engine_is_left_behind_and_said_so() -> None:
    gate = threading.Semaphore(0)
    detector = Reader(gate)
    pipeline = Pipeline(File(3), detector)
    done: list[Result] = []
    pipeline.start(done.append)
    detector.begun.acquire()
    assert not pipeline.close(timeout_s=0.05)
    assert done == []
    gate.release(10)
    assert pipeline.close()


def test_closing_from_a_callback_waits_for_no_engine_that_waits_for_the_callback() -> None:
    detectors = [Reader(), Reader()]
    pipeline = Pipeline(File(10**6), detectors)
    told, came_back = [0, 0], []

    def stop(result: Result) -> None:
        told[result.engine] += 1
        if result.frame_id == 3:
            other = 1 - result.engine
            for _ in range(told[other] + 1):  # until it is at a frame that nobody was told of
                detectors[other].begun.acquire()
            came_back.append(pipeline.close(timeout_s=20))

    pipeline.start(stop)
    assert pipeline.wait(30)
    assert pipeline.close()
    assert came_back == [True]


def test_handlers_that_close_at_once_do_not_wait_for_each_other() -> None:
    together, came_back = threading.Barrier(2), []

    def told(event: PipelineEvent) -> None:
        if event.kind == "engine_error" and event.frame_id < 2:
            together.wait(20)
            came_back.append(pipeline.close(timeout_s=20))

    failing = [Failing(range(2), EngineError("out of tune")) for _ in range(2)]
    pipeline = Pipeline(File(10**6), failing, on_event=told, overlap=False)
    pipeline.start(lambda _: None)
    assert pipeline.wait(60)
    assert pipeline.close(timeout_s=20)
    assert True in came_back


def test_closing_from_a_callback_ends_the_pipeline() -> None:
    done: list[Result] = []
    pipeline = Pipeline(File(10**6), StagedReader())

    def stop(result: Result) -> None:
        done.append(result)
        if len(done) == 3:
            pipeline.close()

    pipeline.start(stop)
    assert pipeline.wait(30)
    assert pipeline.close()
    assert len(done) == 3
