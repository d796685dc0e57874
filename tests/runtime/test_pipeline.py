"""Pipeline: nothing lost of files, the newest of cameras, fair turns, failures told apart."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecore
from edgecore import sources
from edgecore.errors import EngineError, SourceError
from edgecore.frame import Frame
from edgecore.pipeline import Dropped, Governor, Pipeline, PipelineEvent, Result, Rule, Step
from edgecore.pipeline.feed import Captured, Feed
from edgecore.pipeline.schedule import Lane, Schedule

from .pipeline_parts import Adder, Camera, Failing, File, Reader, StagedReader, frame_of

HOT = [Rule("heat", above=80, below=60, hold_s=0.0)]
TINY = Governor(HOT, [Step(model="tiny")], readings={"heat": lambda: None})
BOTH = pytest.mark.parametrize("overlap", [False, True])


def numbers(results: list[Result], source: str) -> list[int]:
    return [int(each.detections.xyxy[0, 0]) for each in results if each.source == source]


@BOTH
@pytest.mark.parametrize("engines", [1, 2, 3])
def test_files_lose_no_frame_and_keep_their_order(engines: int, overlap: bool) -> None:
    files = {name: File(count) for name, count in (("a", 40), ("b", 7), ("c", 0))}
    detectors = [StagedReader() for _ in range(engines)]
    with Pipeline(files, detectors, overlap=overlap) as pipeline:
        results = list(pipeline)
        assert pipeline.dropped == dict.fromkeys("abc", Dropped())
        assert pipeline.failure is None
    assert numbers(results, "a") == list(range(40))
    assert numbers(results, "b") == list(range(7))
    assert [each.frame_id for each in results if each.source == "a"] == list(range(40))
    assert {each.dropped for each in results} == {Dropped()}
    assert {each.label for each in results if each.source == "b"} == {
        f"file#{number}" for number in range(7)
    }
    assert all(file.closed for file in files.values())


@BOTH
def test_newest_frame_of_a_camera_wins_and_the_result_says_what_was_dropped(overlap: bool) -> None:
    camera, gate = Camera(), threading.Semaphore(0)
    detector = StagedReader(gate)
    with Pipeline(camera, detector, overlap=overlap) as pipeline:
        results = iter(pipeline)
        pipeline.start()
        camera.ready()
        camera.shoot(0)
        detector.begun.acquire()
        for number in range(1, 10):
            camera.shoot(number)
        if overlap:  # each newer frame takes the place of the one prepared before
            while pipeline.dropped["source"].overwritten < 8:
                threading.Event().wait(0.001)
        gate.release(2)
        first = next(results)
        last = next(results)
        camera.end()
        assert list(results) == []
        assert pipeline.dropped == {"source": Dropped(overwritten=8)}
    assert (first.frame_id, first.dropped) == (0, Dropped())
    assert (last.frame_id, last.dropped) == (9, Dropped(overwritten=8))
    assert numbers([first, last], "source") == [0, 9]


@pytest.mark.parametrize("engines", [1, 2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_every_frame_of_a_camera_is_a_result_or_counted_before_one(engines: int, seed: int) -> None:
    dice = random.Random(seed)
    camera = Camera()

    class Slow(StagedReader):
        def detect(self, frame: Frame, **options: Any) -> Any:
            threading.Event().wait(dice.random() * 0.004)
            if dice.random() < 0.1:
                raise EngineError("now and then")
            return super().detect(frame, **options)

    def shoot() -> None:
        camera.ready()
        for number in range(200):
            camera.shoot(number)
            threading.Event().wait(dice.random() * 0.002)
        camera.end()

    shooting = threading.Thread(target=shoot, daemon=True)
    shooting.start()
    reached = -1
    with Pipeline(camera, [Slow() for _ in range(engines)], overlap=True) as pipeline:
        told = Dropped()
        try:
            for result in pipeline:
                assert sum(result.dropped) == result.frame_id - reached - 1
                assert int(result.detections.xyxy[0, 0]) == result.frame_id
                reached, told = result.frame_id, told.plus(result.dropped)
        except EngineError:  # three in a row on every engine
            camera.interrupt()
        else:
            total = pipeline.dropped["source"]
            assert sum(total) - sum(told) == 199 - reached
            assert total.failed > 0
    shooting.join(0.0 if pipeline.failure else None)


def test_sources_take_turns() -> None:
    """Whoever has a frame ready gets one engine's next place after all others that have."""
    lock, lane = threading.RLock(), Lane(0)
    changed = threading.Condition(lock)
    feeds = [Feed(name, File(1), lock, changed, lambda _: None) for name in "abcd"]
    schedule = Schedule(feeds, [lane], changed)

    def fill(*ready: Feed) -> None:
        for feed in ready:
            feed.turn = feed.taken
            feed.slot = feed.slot or Captured(feed, frame_of(0), 0, "", 0, Dropped())

    def took() -> str:
        captured = schedule.take(lane)
        assert captured is not None
        return captured.feed.name

    _, second, _, last = feeds
    order = ""
    for ready in [feeds] * 6:
        fill(*ready)
        order += took()
    assert order == "abcdab"
    assert [took() for _ in range(3)] == ["c", "d", "a"]
    fill(second, last)
    assert [took() for _ in range(2)] == ["b", "d"]


def test_engines_without_work_of_one_source_take_frames_of_another() -> None:
    gate = threading.Semaphore(0)
    held, free = Reader(gate), Reader()
    done: list[Result] = []
    with Pipeline({"a": File(1), "b": File(20)}, [held, free]) as pipeline:
        pipeline.start(done.append)
        while len(done) < 18:
            threading.Event().wait(0.001)
        gate.release(100)
        assert pipeline.wait(30)
    assert len(done) == 21
    assert numbers(done, "b") == list(range(20))


def test_source_that_fails_is_named_and_the_others_go_on() -> None:
    events: list[PipelineEvent] = []
    files = {"good": File(20), "bad": File(20, broken=(5,))}
    with Pipeline(files, StagedReader(), on_event=events.append) as pipeline:
        results: list[Result] = []
        with pytest.raises(SourceError, match="frame 5: damaged") as caught:
            results.extend(pipeline)
        assert pipeline.failure is caught.value
    assert caught.value.source == "bad"
    assert numbers(results, "good") == list(range(20))
    assert numbers(results, "bad") == list(range(5))
    kinds = {(event.kind, event.source) for event in events}
    assert kinds == {("source_failed", "bad"), ("source_ended", "good")}


def test_damaged_item_of_a_resumable_source_is_told_and_skipped() -> None:
    events: list[PipelineEvent] = []
    file = File(10, broken=(2, 3), resumable=True)
    with Pipeline(file, StagedReader(), on_event=events.append) as pipeline:
        assert numbers(list(pipeline), "source") == [0, 1, 4, 5, 6, 7, 8, 9]
    assert [event.reason for event in events if event.kind == "source_error"] == [
        "frame 2: damaged",
        "frame 3: damaged",
    ]


@BOTH
def test_frame_that_cannot_be_used_is_its_sources_fault(overlap: bool) -> None:
    class Picky(StagedReader):
        def prepare(self, frame: Frame, out: Any = None) -> Any:
            return self._refused(frame, super().prepare(frame, out))

        def detect(self, frame: Frame, **options: Any) -> Any:
            return self._refused(frame, super().detect(frame, **options))

        def _refused(self, frame: Frame, made: Any) -> Any:
            if int(frame.planes[0][0, 0, 0]) == 3:
                raise ValueError("roi must lie in the frame")
            return made

    with Pipeline({"a": File(9), "b": File(3)}, Picky(), overlap=overlap) as pipeline:
        results: list[Result] = []
        with pytest.raises(SourceError, match=r"file#3: not a frame .* roi must") as caught:
            results.extend(pipeline)
    assert caught.value.source == "a"
    assert [n for n in numbers(results, "a") if n < 3] == [0, 1, 2]
    assert numbers(results, "b") == [0, 1, 2]
    with Pipeline(File(5, resumable=True), Picky(), overlap=overlap) as pipeline:
        results = list(pipeline)
    assert numbers(results, "source") == [0, 1, 2, 4]
    assert results[-1].dropped == Dropped(failed=1)


@BOTH
def test_frame_on_which_an_engine_fails_is_counted_and_the_engine_goes_on(overlap: bool) -> None:
    events: list[PipelineEvent] = []
    detector = Failing((2, 3, 6), EngineError("the delegate coughed"))
    with Pipeline(File(8), detector, on_event=events.append, overlap=overlap) as pipeline:
        results = list(pipeline)
    assert numbers(results, "source") == [0, 1, 4, 5, 7]
    assert [each.dropped.failed for each in results] == [0, 0, 2, 0, 1]
    errors = [event for event in events if event.kind == "engine_error"]
    assert [(each.frame_id, each.engine, each.source) for each in errors] == [
        (number, 0, "source") for number in (2, 3, 6)
    ]


@BOTH
def test_engine_that_keeps_failing_is_left_to_the_others(overlap: bool) -> None:
    events: list[PipelineEvent] = []
    broken = Failing(range(256), RuntimeError("gone"))
    good = StagedReader(threading.Semaphore(0))
    with Pipeline(File(40), [broken, good], on_event=events.append, overlap=overlap) as pipeline:
        done: list[Result] = []
        pipeline.start(done.append)
        while not any(event.kind == "engine_failed" for event in events):
            threading.Event().wait(0.001)
            good.gate.release()
        good.gate.release(100)
        assert pipeline.wait(30)
        assert pipeline.failure is None
        assert 3 <= pipeline.dropped["source"].failed <= 4
    assert {each.engine for each in done} == {1}
    assert len(done) == 40 - pipeline.dropped["source"].failed


def test_pipeline_ends_with_its_last_engine() -> None:
    broken = Failing(range(256), RuntimeError("gone"))
    with (
        Pipeline(File(40), broken) as pipeline,
        pytest.raises(EngineError, match=r"engine 0: failed on 3 frames.*RuntimeError: gone"),
    ):
        list(pipeline)
    assert isinstance(pipeline.failure, EngineError)


@BOTH
@pytest.mark.parametrize("engines", [1, 2])
def test_recurrent_state_is_of_its_source_alone_and_of_invoked_frames(
    engines: int, overlap: bool
) -> None:
    files = {"a": File(30), "b": File(20), "c": File(10)}
    with Pipeline(files, [Adder() for _ in range(engines)], overlap=overlap) as pipeline:
        results = list(pipeline)
    for name, count in (("a", 30), ("b", 20), ("c", 10)):
        assert numbers(results, name) == list(itertools.accumulate(range(count)))
        assert len({each.engine for each in results if each.source == name}) == 1


@BOTH
def test_dropped_frame_leaves_recurrent_state_as_it_was(overlap: bool) -> None:
    camera, gate = Camera(), threading.Semaphore(0)
    detector = Adder(gate)
    with Pipeline(camera, detector, overlap=overlap) as pipeline:
        pipeline.start()
        camera.ready()
        camera.shoot(1)
        detector.begun.acquire()
        for number in (10, 20, 30):
            camera.shoot(number)
        while overlap and pipeline.dropped["source"].overwritten < 2:
            threading.Event().wait(0.001)
        gate.release(100)
        camera.end()
        results = list(pipeline)
    assert numbers(results, "source") == [1, 31]


@pytest.mark.parametrize("overlap", [False, True])
def test_results_are_those_of_the_detector_alone(overlap: bool, engine_name: str) -> None:
    url = "synthetic:?realtime=0&fps=5&duration=4&epoch_ns=0"
    alone = edgecore.Detector.from_file(engine=engine_name)
    with sources.open(url) as source:
        wanted = [alone.detect(frame) for frame in source]
    detectors = [edgecore.Detector.from_file(engine=engine_name) for _ in range(2)]
    with Pipeline({"a": url, "b": url}, detectors, overlap=overlap) as pipeline:
        results = list(pipeline)
    for name in "ab":
        got = [each.detections for each in results if each.source == name]
        assert len(got) == len(wanted) == 20
        for one, other in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(one.xyxy, other.xyxy)
            np.testing.assert_array_equal(one.confidence, other.confidence)
            assert one.class_name == other.class_name
    assert sum(len(each.detections) for each in results) > 0
    times = results[-1].times
    assert min(times.preprocess_ms, times.invoke_ms, times.postprocess_ms) > 0
    assert times.age_ms >= times.invoke_ms + times.postprocess_ms
    assert times.wait_ms >= 0


def test_recurrent_model_keeps_its_frames_apart(test_data: Path, engine_name: str) -> None:
    file = test_data / "models/traffic_model.tflite"
    pictures = str(test_data / "images/traffic/*.bmp")
    alone = edgecore.Detector.from_file(file, engine=engine_name)
    with sources.open(pictures) as source:
        wanted = [alone.detect(frame) for frame in source]
    detector = edgecore.Detector.from_file(file, engine=engine_name)
    with Pipeline({"a": pictures, "b": pictures}, detector) as pipeline:
        results = list(pipeline)
    for name in "ab":
        got = [each.detections for each in results if each.source == name]
        for one, other in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(one.confidence, other.confidence)


@pytest.mark.parametrize("engines", [1, 3])
def test_each_source_has_a_tracker_that_sees_its_frames_in_order(engines: int) -> None:
    url = "synthetic:?realtime=0&fps=10&duration=3&epoch_ns=0"
    alone, tracker = edgecore.Detector.from_file(), edgecore.Tracker()
    with sources.open(url) as source:
        wanted = [
            tracker.update(alone.detect(frame), frame.timestamp_ns).tracker_id for frame in source
        ]
    detectors = [edgecore.Detector.from_file() for _ in range(engines)]
    with Pipeline({"a": url, "b": url}, detectors, tracker=edgecore.Tracker) as pipeline:
        results = list(pipeline)
    for name in "ab":
        got = [each.detections.tracker_id for each in results if each.source == name]
        for one, other in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(one, other)
    assert max(int(ids.max(initial=0)) for ids in wanted) >= 1


def test_frames_of_before_time_began_are_tracked_too() -> None:
    class Early(File):
        def __next__(self) -> Frame:
            frame = super().__next__()
            return Frame(frame.planes[0], 2, 2, "rgb", timestamp_ns=-5)

    with Pipeline(Early(3), StagedReader(), tracker=edgecore.Tracker) as pipeline:
        assert [result.captured_ns for result in pipeline] == [-5] * 3


def test_async_for_gives_the_same_results() -> None:
    async def gather() -> list[Result]:
        async with Pipeline({"a": File(30), "b": File(10)}, StagedReader()) as pipeline:
            return [result async for result in pipeline]

    results = asyncio.run(gather())
    assert numbers(results, "a") == list(range(30))
    assert numbers(results, "b") == list(range(10))


def test_async_for_raises_what_ended_a_source() -> None:
    async def gather() -> None:
        async with Pipeline(File(9, broken=(4,)), StagedReader()) as pipeline:
            async for _ in pipeline:
                pass

    with pytest.raises(SourceError, match="frame 4: damaged"):
        asyncio.run(gather())


def test_event_loop_runs_on_while_results_are_awaited() -> None:
    gate = threading.Semaphore(0)

    async def both() -> int:
        async with Pipeline(File(1), Reader(gate)) as pipeline:
            asyncio.get_running_loop().call_later(0.05, gate.release)
            return len([result async for result in pipeline])

    assert asyncio.run(both()) == 1


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Pipeline({}, Reader()), ValueError, "at least one source"),
        (lambda: Pipeline(File(1), []), ValueError, "at least one detector"),
        (lambda: Pipeline({"a": 3}, Reader()), TypeError, "as 'a', got int"),
        (lambda: Pipeline(File(1), ["x"]), TypeError, "expected detectors, got str"),
        (lambda: Pipeline(File(1), Reader(), overlap=True), ValueError, r"with prepare\(\)"),
        (lambda: Pipeline("/nowhere.mp4", Reader()), SourceError, "no such file"),
        (
            lambda: Pipeline(File(1), Reader(), models={"small": [Reader(), Reader()]}),
            ValueError,
            "expected 1 detectors of 'small', one for each engine, got 2",
        ),
        (
            lambda: Pipeline(File(1), Reader(), governor=TINY),
            ValueError,
            r"models among \[\], got \['tiny'\]",
        ),
    ],
)
def test_wrong_argument_is_named(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_sources_opened_before_one_that_cannot_be_are_closed() -> None:
    file = File(1)
    with pytest.raises(SourceError):
        Pipeline({"a": file, "b": "/nowhere.mp4"}, Reader())
    assert file.closed


@pytest.mark.once
@BOTH
def test_python_heap_is_flat_after_the_first_frames(overlap: bool) -> None:
    """One object a frame is 32 bytes at the least, and would show in each of the stretches.

    Free lists of the interpreter and of NumPy fill up in the first ones.
    """
    frame = frame_of(1)

    class Endless(File):
        def __next__(self) -> Frame:
            return frame

    def heap_after(frames: int) -> int:
        for _ in range(frames):
            next(results)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    detector = edgecore.Detector.from_file()
    sources = {"a": Endless(0), "b": Endless(0)}
    with Pipeline(sources, detector, overlap=overlap) as pipeline:
        results = iter(pipeline)
        tracemalloc.start()
        sizes = [heap_after(150) for _ in range(14)]
        tracemalloc.stop()
    growths = [after - before for before, after in itertools.pairwise(sizes)]
    assert min(growths) < 150 * 32, f"bytes more after every 150 frames: {growths}"
