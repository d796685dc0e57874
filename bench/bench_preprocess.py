"""Camera frame to model input: five workloads, hot and cold, bilinear and area.

The frames are the seeded picture of edgecore.benchmark.pixels. Cold means that frames come in turn
from more than four times the last-level cache. Errors are the largest and the mean of four
pictures, to the float64 definition a chain is nearest to: pixel levels for float32, steps for
integers. A chain is accurate when its largest error is at most 1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest

from bench.definition import Error, pixel_definitions, pixel_error
from bench.harness import Row
from bench.peers.pixels.tensor import Chain
from bench.targets import preprocess_name
from edgecore import Preprocessor, isa
from edgecore.benchmark.cold import taken_bytes, wanted_bytes
from edgecore.benchmark.pixels import WORKLOADS, Workload, frame_bytes, frames
from edgecore.benchmark.race import Entrant

SEEDS = (7, 8, 9, 10)
LIBRARIES = ("opencv", "libyuv", "swscale", "pillow", "kornia")

Call = Callable[[np.ndarray], np.ndarray]


@lru_cache(maxsize=1)
def judged(workload: Workload, interpolation: str) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """Frames to judge by, each with its definitions."""
    data = [frame_bytes(workload, seed) for seed in SEEDS]
    return [(one, pixel_definitions(workload, one, interpolation)) for one in data]


def error(call: Call, workload: Workload, interpolation: str) -> Error:
    errors = [
        pixel_error(workload, call(data), definitions)
        for data, definitions in judged(workload, interpolation)
    ]
    worst = max(errors)
    return Error(worst.largest, float(np.mean([e.mean for e in errors])), worst.definition)


def facts(found: Error) -> dict[str, float | str]:
    text = f"max {found.largest:.2f} mean {found.mean:.3f}"
    return {"error": f"{text} ({found.definition})" if found.definition else text}


def ours(workload: Workload, interpolation: str) -> Call:
    """edgecore into memory of the caller's."""
    plan = Preprocessor(workload.size, **workload.options(interpolation))
    out = np.empty((*workload.size, 3), workload.dtype)
    return lambda data: plan(workload.frame(data), out)


@pytest.mark.parametrize("cold", [False, True], ids=["hot", "cold"])
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w.key)
@pytest.mark.parametrize("interpolation", ["bilinear", "area"])
def test_preprocess(
    contest: Any, peers: Any, workload: Workload, interpolation: str, cold: bool
) -> None:
    if cold and taken_bytes() < wanted_bytes():
        pytest.skip("cold frames would take more than a quarter of the memory available")
    name = preprocess_name(workload.key, interpolation, cold)
    rows: list[Row] = []
    entrants: list[Entrant] = []

    for isa_name in isa.available():
        label = f"edgecore {isa_name}"
        call = ours(workload, interpolation)
        with isa.pinned(isa_name):
            found = error(call, workload, interpolation)
        assert found.largest <= 1.0, f"{label}: {found}"
        rows.append(Row(name, label, None, facts=facts(found), role="edgecore"))
        entrants.append(Entrant(label, call, partial(isa.pinned, isa_name)))

    for module in peers("pixels", *LIBRARIES):
        for chain in module.chains(workload, interpolation):
            assert isinstance(chain, Chain)
            label = f"{module.NAME}: {chain.name}"
            found = error(chain.call, workload, interpolation)
            accurate = found.largest <= 1.0
            rows.append(Row(name, label, None, facts=facts(found), accurate=accurate))
            entrants.append(Entrant(label, chain.call))

    inputs = frames(workload, cold)
    copy = np.empty_like(inputs[0])
    rows.append(Row(name, "copy of the frame", None, role="yardstick"))
    entrants.append(Entrant("copy of the frame", lambda data: np.copyto(copy, data)))
    contest(rows, entrants, inputs)
