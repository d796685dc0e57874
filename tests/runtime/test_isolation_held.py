"""A child that no signal ends, such as one that a driver holds, costs neither time nor memory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest

from edgecore import EngineError
from edgecore.isolation import IsolatedDetector

from .engine_children import engine_children

FRAME = np.zeros((96, 160, 3), np.uint8)

TRACER = """\
import ctypes, sys
SEIZE = 0x4206
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
print(libc.ptrace(SEIZE, int(sys.argv[1]), None, None), flush=True)
sys.stdin.read()
"""
"""Until it ends, its tracee's end is told to it alone; it stands in for a driver that holds one."""


@contextlib.contextmanager
def held(detector: IsolatedDetector) -> Iterator[int]:
    """Its child was killed in vain, as its next frame told; the pid, which ends behind this."""
    pid = detector.pid
    assert pid is not None
    with subprocess.Popen(
        [sys.executable, "-c", TRACER, str(pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as tracer:
        assert tracer.stdout is not None
        assert tracer.stdout.readline() == b"0\n", "nobody may be traced here"
        try:
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(EngineError, match="does not end when it is killed"):
                detector.detect(FRAME)
            yield pid
        finally:
            tracer.kill()


@pytest.mark.timeout(60)
def test_a_child_that_no_signal_ends_is_left_behind_and_none_is_begun_beside_it() -> None:
    with IsolatedDetector(spare=False) as detector:
        with held(detector) as pid:
            assert detector.pid is None
            with pytest.raises(EngineError, match=f"process {pid}.* has not ended"):
                detector.detect(FRAME)
            assert len(detector.deaths) == 1
        until_s = time.monotonic() + 30.0
        while detector.pid is None and time.monotonic() < until_s:
            with contextlib.suppress(EngineError):
                detector.detect(FRAME)
        assert detector.pid not in (None, pid)


@pytest.mark.timeout(60)
def test_a_spare_takes_over_from_a_child_that_no_signal_ends() -> None:
    with IsolatedDetector() as detector, held(detector):
        detector.detect(FRAME)
        assert engine_children(os.getpid()) == {detector.pid}  # which has no spare itself
