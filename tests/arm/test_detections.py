"""Another machine's detections repeated to the bit, and found again by the engine that is here.

`make arm` writes them where it is called and names the file in EDGECORE_OTHER_MACHINE;
elsewhere this machine is its own other one.
"""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from edgecore import isa
from tests.arm import detections
from tests.arm.detections import MODELS, Steps

QUICK = ["coco_ssd_mobilenet_v1_quant_metadata", "traffic_model"]
"""Models that an emulated processor invokes in seconds."""

SURE = 0.3
"""A confidence well above the threshold: an engine's rounding makes no such object come or go."""


@lru_cache(maxsize=1)
def there(path: Path, name: str) -> Steps:
    return detections.read(path, name)


@pytest.fixture(scope="module")
def written(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = os.environ.get("EDGECORE_OTHER_MACHINE")
    if path:
        return Path(path)
    own = tmp_path_factory.mktemp("arm") / "detections.npz"
    detections.write(own, test_data)
    return own


@pytest.mark.parametrize("isa_name", isa.available())
@pytest.mark.parametrize("name", MODELS)
def test_same_tensors_give_the_same_detections(test_data, written, engine_name, name, isa_name):
    other = there(written, name)
    file = test_data / "models" / f"{name}.tflite"
    with isa.pinned(isa_name):
        here = detections.detect(file, engine_name, other.picture, other.outputs)
    assert len(other.confidence) > 0
    for step in ("prepared", "xyxy", "confidence", "class_id"):
        np.testing.assert_array_equal(getattr(here, step), getattr(other, step), err_msg=step)


def overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """IoU of one box with each of others."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    return shared / (np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], 1) - shared)


@pytest.mark.parametrize("name", QUICK)
def test_the_engine_here_finds_what_the_other_found(test_data, written, engine_name, name):
    other = there(written, name)
    here = detections.detect(test_data / "models" / f"{name}.tflite", engine_name, other.picture)
    sure = other.confidence >= SURE
    assert sure.any()
    for box, confidence, class_id in zip(
        other.xyxy[sure], other.confidence[sure], other.class_id[sure], strict=True
    ):
        same = (here.class_id == class_id) & (overlaps(box, here.xyxy) > 0.9)
        assert np.abs(here.confidence[same] - confidence).min(initial=1) < 0.05
