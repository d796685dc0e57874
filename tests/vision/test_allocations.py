"""A frame leaves the Python heap as it was; tests/native counts what the native side allocates."""

import gc
import sys
from typing import get_args

import numpy as np
import pytest

from edgecore import Frame, Preprocessor, isa
from edgecore.frame import PixelFormat

FRAMES = 1000


@pytest.mark.parametrize("name", isa.available())
@pytest.mark.parametrize("format", get_args(PixelFormat))
def test_preprocessing_into_own_memory_keeps_the_heap_flat(name: str, format: PixelFormat) -> None:
    plan = Preprocessor((64, 48), dtype="int8")
    frame = Frame(bytes(96 * 64 * 4), 96, 64, format)
    out = np.empty(plan.shape, plan.dtype)
    with isa.pinned(name):
        for _ in range(10):
            plan(frame, out=out)
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(FRAMES):
            plan(frame, out=out)
        gc.collect()
        grown = sys.getallocatedblocks() - before
    assert grown < FRAMES // 10, f"{grown} blocks more after {FRAMES} frames"
