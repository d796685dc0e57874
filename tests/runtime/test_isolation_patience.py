"""A process that could not run, or whose judge could not, is not taken for one that hangs."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgecore.isolation.patience import SLICE_S, Patience, delays_of
from edgecore.isolation.wire import Kind, send

from .test_cli import environment

STOOD_STILL_S = 6.0
"""Longer than any answer is waited for."""

HOST = """\
import sys
from edgecore.isolation import IsolatedDetector
from edgecore.isolation.deadline import FEWEST
import numpy as np
frame = np.zeros((96, 160, 3), np.uint8)
with IsolatedDetector(spare=False, least_deadline_s=3.0) as detector:
    for _ in range(FEWEST):
        detector.detect(frame)
    print(detector.pid, flush=True)
    sys.stdin.readline()
    print("asks", flush=True)
    detector.detect(frame)
    print(len(detector.deaths), detector.deadline_s)
"""

LISTENER = """\
import socket, sys
from edgecore.isolation.wire import receive
line = socket.socket(fileno=int(sys.argv[1]))
print("listens", flush=True)
print(receive(line, 1.0)[0].name)
"""


class Scene:
    """A clock, and a process whose one thread waits for a processor for this share of its time."""

    def __init__(self, share: float = 0.0) -> None:
        self.now_s, self.delay_s, self.share = 100.0, 3.0, share

    def waited_s(self, limit_s: float, most_s: float) -> float:
        """How long a process that never answers is waited for."""
        patience = Patience(limit_s, most_s, lambda: {"7": self.delay_s}, lambda: self.now_s)
        begun_s = self.now_s
        while (slice_s := patience.slice_s()) > 0:
            self.now_s += slice_s
            self.delay_s += slice_s * self.share
        return self.now_s - begun_s


@given(limit_s=st.floats(0.01, 5))
def test_one_that_hangs_has_its_time_and_no_more(limit_s: float) -> None:
    assert Scene().waited_s(limit_s, 5.0) == pytest.approx(limit_s, abs=0.001)


@given(share=st.floats(0, 1), limit_s=st.floats(0.2, 5))
@example(share=0.953125, limit_s=0.375)  # its last slice would begin just before the end
def test_what_it_waits_for_a_processor_does_not_count_but_once_it_is_too_long(
    share: float, limit_s: float
) -> None:
    waited_s = Scene(share).waited_s(limit_s, 5.0)
    ran_s = waited_s * (1 - share)
    # The first slice is not looked into, and of the last one only its end is known.
    assert ran_s == pytest.approx(limit_s, abs=2 * SLICE_S) or waited_s == pytest.approx(5.0)


def test_a_thread_that_began_meanwhile_counts_with_all_it_waited() -> None:
    clock = itertools.count(0.0, SLICE_S)
    delays = iter([{"7": 1.0}, {"7": 1.0, "8": 1.0}])
    patience = Patience(2 * SLICE_S, 5.0, lambda: next(delays), lambda: next(clock))
    assert patience.slice_s() > 0
    assert patience.slice_s() > 0


def test_a_judge_that_stood_still_counts_little_of_it() -> None:
    now_s = 0.0
    patience = Patience(5.0, 5.0, dict, lambda: now_s)
    for now_s in (600.0, 1200.0):  # noqa: B007
        assert patience.slice_s() == SLICE_S


def test_the_kernel_tells_how_long_threads_waited() -> None:
    delays = delays_of(os.getpid())
    assert str(os.getpid()) in delays
    assert all(delay_s >= 0 for delay_s in delays.values())
    assert delays_of(2**22 + 1) == {}


def test_both_stand_still_and_the_answer_still_counts() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOST],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as host:
        assert host.stdin is not None
        assert host.stdout is not None
        child = int(host.stdout.readline())
        os.kill(child, signal.SIGSTOP)
        host.stdin.write("go on\n")
        host.stdin.flush()
        assert host.stdout.readline() == "asks\n"
        host.send_signal(signal.SIGSTOP)
        time.sleep(STOOD_STILL_S)
        host.send_signal(signal.SIGCONT)
        time.sleep(0.2)  # in which it looks at what it has, several times
        os.kill(child, signal.SIGCONT)
        told, _ = host.communicate()
    assert (host.returncode, told) == (0, "0 3.0\n"), "or the next hang is waited for longer"


def test_a_listener_that_stood_still_listens_on() -> None:
    ours, theirs = socket.socketpair()
    with (
        ours,
        theirs,
        subprocess.Popen(
            [sys.executable, "-c", LISTENER, str(theirs.fileno())],
            stdout=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            text=True,
            env=environment(),
        ) as listener,
    ):
        assert listener.stdout is not None
        assert listener.stdout.readline() == "listens\n"
        time.sleep(0.1)
        listener.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        listener.send_signal(signal.SIGCONT)
        time.sleep(0.2)
        send(ours, Kind.FAILED, b"late, but not too late")
        kind, _ = listener.communicate()
    assert (listener.returncode, kind) == (0, "FAILED\n")
