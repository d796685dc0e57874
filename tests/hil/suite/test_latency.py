"""How long each leg of the way takes in each mode; figures stand in the report, none is judged."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

import edgecore
import firmware_bridge as fb
from edgecore.testing.latency import MODES, Distribution, LatencyLab, Mode

ALERT = fb.Alert(kind=1, level=1, duration_ms=10)
PATIENCE_S = 30.0
COUNT = 40


def check(told: list[Distribution], lab: LatencyLab, legs: list[str]) -> None:
    assert [one.leg for one in told] == legs
    assert not any(lab.failed.values())
    for one in told:
        assert one.count == COUNT
        assert one.p50_ms <= one.p95_ms <= one.p99_ms <= one.max_ms
        # What crosses clocks may seem to take less than nothing, within the bound that is told.
        assert one.values_ms[0] >= -(one.error_ms or 0.0)


DEVICE = ["to the device", "in the device", "back to the host"]
WHOLE = ["sent to acknowledged", "due to actuated", "due to acknowledged"]


@pytest.fixture(scope="module")
def frames() -> list[npt.NDArray[np.uint8]]:
    """Few and small, with nothing in them, which does not matter here."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (160, 256, 3), np.uint8) for _ in range(2)]


@pytest.mark.edge_req("LATENCY-1")
@pytest.mark.parametrize("mode", MODES)
def test_of_commands(edge_link: fb.Link, edge_latency: LatencyLab, mode: Mode) -> None:
    told = edge_latency.commands(
        edge_link, mode, ALERT, COUNT, rate_hz=200, seed=3, timeout=PATIENCE_S
    )
    check(told, edge_latency, ["wait to be sent", *DEVICE, *WHOLE])


@pytest.mark.edge_req("LATENCY-2")
@pytest.mark.parametrize("mode", MODES)
def test_of_frames(
    edge_link: fb.Link,
    edge_latency: LatencyLab,
    frames: list[npt.NDArray[np.uint8]],
    mode: Mode,
) -> None:
    detector = edgecore.Detector.from_file()
    told = edge_latency.frames(
        edge_link, mode, detector.detect, frames, ALERT, COUNT, rate_hz=80, timeout=PATIENCE_S
    )
    inference = ["wait for inference", "inference", "inference to sending"]
    check(told, edge_latency, [*inference, *DEVICE, *WHOLE])
