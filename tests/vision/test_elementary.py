"""The definition of exp and sigmoid in float32 against float64; the kernels match its bits."""

import numpy as np
import pytest

import edgecore
from edgecore.heads import YoloX
from tests.reference.elementary import exponential, sigmoid


def ulps(found, exact):
    rounded = exact.astype(np.float32)
    return np.abs(found.astype(np.float64) - exact) / np.spacing(np.abs(rounded)).astype(np.float64)


@pytest.fixture(scope="module")
def numbers():
    random = np.random.default_rng(0)
    spread = random.uniform(-87, 88.7, 400_000)
    near = random.normal(0, 1, 400_000)
    return np.concatenate([spread, near, np.linspace(-1, 1, 100_001)]).astype(np.float32)


def test_exp_is_within_one_ulp(numbers):
    assert ulps(exponential(numbers), np.exp(numbers.astype(np.float64))).max() < 1.0


def test_sigmoid_is_within_three_ulps(numbers):
    exact = 1 / (1 + np.exp(-numbers.astype(np.float64)))
    assert ulps(sigmoid(numbers), exact).max() < 3.0


def test_ends_of_the_range():
    ends = np.array([-np.inf, -88, np.inf, 89, 0, np.nan], np.float32)
    np.testing.assert_array_equal(exponential(ends), [0, 0, np.inf, np.inf, 1, np.nan])
    np.testing.assert_array_equal(sigmoid(ends)[:5], [0, 0, 1, 1, 0.5])


def test_the_kernel_gives_the_definitions_bits(numbers):
    """Widths of boxes that one YOLOX cell each decodes."""
    codes = np.clip(numbers[:: len(numbers) // 4096][:4096], -10, 11)
    head = YoloX(1, (64 * 8, 64 * 8), decoded=False, strides=(8,))
    raw = np.zeros((1, 4096, 6), np.float32)
    raw[0, :, 2] = codes
    raw[0, :, 4] = 1
    raw[0, :, 5] = np.linspace(1, 0.5, 4096)
    found = edgecore.decode([raw], head, iou_threshold=1, max_detections=5000)
    half = exponential(codes) * np.float32(8) * np.float32(0.5)
    centre = np.float32(8) * (np.arange(4096) % 64).astype(np.float32)
    np.testing.assert_array_equal(found.xyxy[:, 0], centre - half)
