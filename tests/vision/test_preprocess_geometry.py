"""Where the picture lies in the model input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecore import Preprocessor, preprocess
from tests.vision.preprocess_cases import INTERPOLATIONS

pytestmark = pytest.mark.usefixtures("every_isa")


def test_crop_is_torchvisions() -> None:
    """Resize((224)) of 480 x 640 gives 224 x 298, CenterCrop then begins at column 37."""
    plan = Preprocessor((224, 224), fit="crop")
    shown = plan.unmap(np.array([[0, 0, 224, 224]], np.float32), np.zeros((480, 640, 3), np.uint8))
    assert shown.tolist() == [[np.float32(37 * 640 / 298), 0, np.float32(261 * 640 / 298), 480]]


def test_a_roi_of_whole_pixels_is_the_cut_frame() -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (60, 80, 3), np.uint8)
    for interpolation in INTERPOLATIONS:
        options: Any = {"interpolation": interpolation, "fit": "stretch"}
        cut = preprocess(rgb[10:50, 5:75], (24, 32), **options)
        assert np.array_equal(preprocess(rgb, (24, 32), roi=(5, 10, 75, 50), **options), cut)


def test_padding_is_114_at_the_places_ultralytics_has_it() -> None:
    frame = np.full((720, 1280, 3), 9, np.uint8)
    out = preprocess(frame, (640, 640))
    assert (out[:140] == 114).all()
    assert (out[140:500] == 9).all()
    assert (out[500:] == 114).all()
    out = preprocess(np.full((100, 99, 3), 9, np.uint8), (64, 64), pad_value=7)
    assert (out[:, :63] == 9).all()  # one column over: it goes to the right
    assert (out[:, 63] == 7).all()
    out = preprocess(frame, (640, 640), anchor="top-left", dtype="int8", mean=128)
    assert (out[:360] == 9 - 128).all()
    assert (out[360:] == 114 - 128).all()


def test_padding_of_any_length_is_filled_wherever_it_begins() -> None:
    """To the right of one pixel: runs around those of whole lines of the cache, and their ends."""
    memory = np.empty(4 * 500 + 64, np.uint8)
    for dtype, longest in (("uint8", 460), ("float32", 140)):
        for columns in range(1, longest):
            plan = Preprocessor((1, columns), anchor="top-left", channels="gray", dtype=dtype)
            for start in range(0, 64, 7 if dtype == "uint8" else 12):
                memory[:] = 0
                out = memory[start : start + columns * plan.dtype.itemsize].view(plan.dtype)
                plan(np.full((1, 1, 3), 9, np.uint8), out.reshape(plan.shape))
                assert abs(out[0] - 9) < 0.1
                assert (out[1:] == 114).all()
                assert not memory[start + out.nbytes :].any()


def test_a_sliver_keeps_at_least_one_pixel() -> None:
    out = preprocess(np.full((1, 4000, 3), 9, np.uint8), (32, 32))
    assert (out == 9).any(axis=2).sum() == 32
