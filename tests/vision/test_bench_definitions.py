"""What bench/ judges answers by agrees with tests/reference, and its frames are fit for it."""

import numpy as np
import pytest

from bench import definition
from edgecore import Frame
from edgecore.benchmark import boxes, pixels, tensors
from tests.reference import nms as plain
from tests.reference import preprocess as reference


@pytest.mark.parametrize("kind", boxes.KINDS)
def test_suppressed_is_the_plain_definition(kind: str) -> None:
    drawn = boxes.KINDS[kind](160)
    kept, _ = plain.nms(*drawn, iou_threshold=boxes.IOU_THRESHOLD)
    assert definition.suppressed(drawn).tolist() == kept


def test_suppressed_keeps_the_lower_index_of_a_tie() -> None:
    xyxy = np.tile(np.array([[0, 0, 9, 9]], np.float32), (3, 1))
    tied = boxes.Boxes(xyxy, np.full(3, 0.5, np.float32), np.array([1, 1, 2]))
    assert definition.suppressed(tied).tolist() == [0, 2]


def test_area_of_a_whole_ratio_is_the_mean_of_blocks() -> None:
    rgb = pixels.picture(24, 16)
    frame = Frame(rgb, 24, 16, "rgb")
    got = reference.pixels(frame, (4, 6), fit="stretch", interpolation="area")
    wanted = rgb.reshape(4, 4, 6, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(got, wanted, atol=1e-9)


def test_area_at_the_frames_own_size_is_the_frame() -> None:
    rgb = pixels.picture(30, 22)
    frame = Frame(rgb, 30, 22, "rgb")
    got = reference.pixels(frame, (22, 30), fit="stretch", interpolation="area")
    np.testing.assert_allclose(got, rgb, atol=1e-9)


@pytest.mark.parametrize(
    "workload", [*pixels.WORKLOADS, *pixels.CAMERA_WORKLOADS], ids=lambda w: w.key
)
def test_no_pixel_of_a_frame_leaves_the_gamut(workload: pixels.Workload) -> None:
    data = pixels.frame_bytes(workload)
    frame = workload.frame(data)
    has_chroma = workload.format in {"nv12", "yuyv", "p010"}
    for chroma in ("bilinear", "nearest")[: 1 + has_chroma]:
        level = reference.pixels(frame, workload.size, fit="stretch", chroma=chroma)
        assert level.min() > 0
        assert level.max() < 255


def test_levels_undo_the_values() -> None:
    for workload in pixels.WORKLOADS:
        level = np.linspace(0, 255, 3 * 7).reshape(7, 3).round()
        values = reference.values(level, workload.dtype, **workload.values)
        np.testing.assert_allclose(workload.levels(np.asarray(values)), level, atol=1e-6)


def test_seeded_tensors_fire_where_they_should() -> None:
    scores = tensors.yolov8()[0, 4:]
    assert (scores.max(axis=0) >= 0.2).sum() == tensors.OBJECTS * tensors.BOXES_AN_OBJECT
    codes, logits = tensors.ssd()
    assert (logits.max(axis=2) >= -1).sum() == tensors.OBJECTS * 6
    assert codes.shape == (1, len(tensors.ssd_head().anchor_boxes()), 4)
