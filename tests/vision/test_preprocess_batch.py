"""Many regions of one frame in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecore import Frame, Preprocessor, isa
from tests.vision.preprocess_cases import cases, make_frame, regions

RGB = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.usefixtures("every_isa")
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_a_batch_holds_what_each_region_gives_alone(layout: Any) -> None:
    frame = make_frame("nv12", 200, 120)
    rois = [(0, 0, 200, 120), (3.5, 7.25, 90, 66), (190, 100, 200, 120)]
    plan = Preprocessor((40, 30), layout=layout, dtype="float32", interpolation="area")
    got = plan.batch(frame, np.array(rois))
    for tensor, roi in zip(got, rois, strict=True):
        alone = Preprocessor(
            (40, 30), layout=layout, dtype="float32", interpolation="area", roi=roi
        )
        assert np.array_equal(tensor, alone(frame))
    out = np.empty_like(got)
    assert plan.batch(frame, rois, out) is out
    assert np.array_equal(out, got)
    assert plan.batch(frame, np.empty((0, 4))).shape == (0, *plan.shape)


@settings(max_examples=100)
@given(data=st.data(), case=cases(), num_threads=st.sampled_from([1, 3]))
def test_batches_one_after_the_other_leave_each_other_no_trace(
    data: Any, case: tuple[Frame, Any], num_threads: int
) -> None:
    frame, options = case
    del options["roi"]
    whole = (0, 0, frame.width, frame.height)
    drawn = data.draw(st.lists(regions(frame.width, frame.height), min_size=2, max_size=5))
    rois = [whole if roi is None else roi for roi in drawn]
    plan = Preprocessor(num_threads=num_threads, **options)
    expected = [Preprocessor(roi=roi, **options)(frame) for roi in rois]
    for name in isa.available():
        with isa.pinned(name):
            assert np.array_equal(plan.batch(frame, rois), expected)
            assert np.array_equal(plan.batch(frame, rois[::-1]), expected[::-1])


@pytest.mark.parametrize(
    ("rois", "out", "error", "text"),
    [
        ([0, 0, 2, 2], None, ValueError, r"shape \(n, 4\), got \(4,\)"),
        ([[0, 0, 2, 9]], None, ValueError, "inside the frame of 4x4 pixels"),
        (
            [[0, 0, 2, 2]],
            np.zeros((2, 2, 2, 3), np.uint8),
            ValueError,
            r"shape \(1, 2, 2, 3\), got",
        ),
        ([[0, 0, 2, 2]], np.zeros((1, 2, 2, 3), np.int8), TypeError, "must be uint8, got int8"),
    ],
)
def test_a_wrong_batch_says_expected_and_got(
    rois: Any, out: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        Preprocessor((2, 2)).batch(RGB, rois, out)
