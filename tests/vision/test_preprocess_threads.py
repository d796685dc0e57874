"""Threads that share a tensor, callers that share a plan."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecore import Frame, Preprocessor, isa, preprocess
from tests.vision.preprocess_cases import cases, make_frame


@settings(max_examples=150)
@given(case=cases((200, 200), (300, 90)), num_threads=st.integers(2, 5))
def test_threads_give_the_bits_of_one(case: tuple[Frame, Any], num_threads: int) -> None:
    frame, options = case
    shared, alone = (Preprocessor(num_threads=n, **options) for n in (num_threads, 1))
    for name in isa.available():
        with isa.pinned(name):
            assert shared(frame).tobytes() == alone(frame).tobytes()


def test_one_plan_in_many_threads_gives_one_answer() -> None:
    plan = Preprocessor((64, 64))
    frames = [make_frame("nv12", 200, 100 + i % 3, seed=i) for i in range(12)]
    expected = [preprocess(frame, (64, 64)) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        for frame_out, wanted in zip(pool.map(plan, frames * 10), expected * 10, strict=True):
            assert np.array_equal(frame_out, wanted)


def test_callers_at_once_may_share_one_pool() -> None:
    plan = Preprocessor((200, 200), num_threads=3)
    frames = [make_frame("nv12", 200, 100 + i % 3, seed=i) for i in range(12)]
    expected = [preprocess(frame, (200, 200)) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        for frame_out, wanted in zip(pool.map(plan, frames * 20), expected * 20, strict=True):
            assert np.array_equal(frame_out, wanted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_works_without_its_parents_threads() -> None:
    plan = Preprocessor((200, 200), num_threads=3)
    frame = make_frame("nv12", 200, 100)
    expected = plan(frame)
    child = os.fork()
    if child == 0:
        try:
            same = np.array_equal(plan(frame), expected)
            del plan
            os._exit(0 if same else 1)
        finally:
            os._exit(2)
    ends = time.monotonic() + 60
    while (done := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > ends:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the child hangs")
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(done[1]) == 0
    assert np.array_equal(plan(frame), expected)


@pytest.mark.parametrize(
    ("num_threads", "error", "text"),
    [
        (0, ValueError, "num_threads must be 1 to 64, got 0"),
        (65, ValueError, "num_threads must be 1 to 64, got 65"),
        (2.0, TypeError, "num_threads must be an int, got float"),
    ],
)
def test_a_wrong_number_of_threads_says_expected_and_got(
    num_threads: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        Preprocessor((2, 2), num_threads=num_threads)
