"""The number of threads is what was measured to be worth it, and is told."""

import itertools
import os

import numpy as np
import pytest

import edgecore
from edgecore.engines import threads


class Clock:
    """Time that passes only by invoking."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class TimedEngine:
    """Takes so many milliseconds an invoke, and ten times as many for the first."""

    def __init__(self, clock: Clock, taken_ms: float) -> None:
        self.clock = clock
        self.taken = itertools.chain([10 * taken_ms], itertools.repeat(taken_ms))

    def invoke(self) -> None:
        self.clock.now += next(self.taken) / 1e3


@pytest.fixture
def fastest(monkeypatch):
    """What `fastest` chooses for engines of so many milliseconds by number of threads."""

    def choose(*taken_ms: float, processors: int = 4, deadline_s: float = 2.0):
        clock = Clock()
        monkeypatch.setattr(threads.time, "monotonic", clock)
        monkeypatch.setattr(threads.time, "perf_counter", clock)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
        made = {n: TimedEngine(clock, ms) for n, ms in enumerate(taken_ms, 1)}
        engine, count, measured = threads.fastest(made.__getitem__, deadline_s)
        assert engine is made[count]
        return count, {n: round(ms, 6) for n, ms in measured.items()}

    return choose


def test_threads_are_taken_while_each_is_worth_it(fastest):
    assert fastest(20, 12, 8, 7.9) == (3, {1: 20, 2: 12, 3: 8, 4: 7.9})
    assert fastest(20, 19, 18.5, 30)[0] == 1
    assert fastest(20, 25, 12, 30)[0] == 3


def test_no_more_threads_than_processors_are_tried(fastest):
    assert fastest(20, 12, processors=1) == (1, {1: 20})
    assert fastest(20, 12, 8, processors=2) == (2, {1: 20, 2: 12})


def test_the_deadline_ends_the_search_and_one_thread_is_always_measured(fastest):
    assert fastest(3000, 1000) == (1, {1: 3000})
    assert fastest(150, 100, 60, deadline_s=2.5) == (2, {1: 150, 2: 100})


@pytest.mark.parametrize("num_threads", ["many", 0, 1.5, "2", True])
def test_a_number_of_threads_that_is_none_is_a_value_error(num_threads):
    with pytest.raises(ValueError, match=r"num_threads must be at least 1 or auto, got"):
        edgecore.Detector.from_file(num_threads=num_threads)


def test_auto_measures_and_says_what_it_chose(engine_name):
    detector = edgecore.Detector.from_file(engine=engine_name, num_threads="auto")
    info = detector.info
    assert info.num_threads in info.threads_ms
    assert 1 in info.threads_ms
    assert set(info.threads_ms) <= set(range(1, len(os.sched_getaffinity(0)) + 1))
    detector.detect(np.zeros((96, 96, 3), np.uint8))
    assert edgecore.Detector.from_file(engine=engine_name, num_threads=2).info.num_threads == 2
