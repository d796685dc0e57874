"""Whether frames are prepared beside the invoke is told by what the first ones take."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from edgecore.detections import Detections, Timings
from edgecore.frame import Frame
from edgecore.pipeline import Pipeline
from edgecore.pipeline.overlap import PROBED, OverlapProbe

from .pipeline_parts import File, StagedReader


@pytest.mark.parametrize("copied_ms", [0.0, 1e6])
def test_frames_are_prepared_beside_the_invoke_where_the_first_ones_say_it_pays(
    copied_ms: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})

    class Timed(StagedReader):
        def prepare(self, frame: Frame, out: Any = None) -> Any:
            prepared_by.append(threading.current_thread().name)
            time.sleep(0.001)
            return super().prepare(frame, out)

        def detect(self, frame: Frame, *, prepared: Any = None, state: Any = None) -> Detections:
            taken.append(prepared is not None)
            detections = super().detect(frame, prepared=prepared)
            detections.timings = Timings(preprocess_ms=copied_ms)
            return detections

    prepared_by: list[str] = []
    taken: list[bool] = []
    with Pipeline(File(20), Timed()) as pipeline:
        assert [each.frame_id for each in pipeline] == list(range(20))
    probed = PROBED + 1
    assert prepared_by[:probed] == ["edgecore-engine 0"] * probed
    assert prepared_by[probed:] == ["edgecore-prepare 0"] * (0 if copied_ms else 20 - probed)
    assert taken == [True] * probed + [copied_ms == 0.0] * (20 - probed)


def test_overlap_is_weighed_by_medians_without_the_first_frame() -> None:
    probe = OverlapProbe()
    prepared = [50.0, 2.2, 2.1, 9.0, 2.2, 0.1]
    copied = [0.0, 1.0, 1.0, 9.0, 1.0, 1.0]
    verdicts = [probe.note(*each) for each in zip(prepared, copied, strict=True)]
    assert verdicts == [None] * PROBED + [True]
    other = OverlapProbe()
    assert [other.note(2.1, 1.0) for _ in range(PROBED + 1)] == [None] * PROBED + [False]
