"""Heads of the YOLO family that the model has not decoded, or has finished."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgecore
from edgecore.heads import EndToEnd, YoloV8Dfl, YoloX
from tests.reference import heads as reference
from tests.vision.head_values import DTYPES, REALS, assert_decodes_as, options, tensors


@pytest.mark.parametrize("decoded", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_yolox_detections_are_those_of_the_plain_decoder(dtype, decoded, data):
    head = YoloX(data.draw(st.integers(1, 4)), (16, 24), decoded=decoded, strides=(8, 16))
    raw, pair, _ = data.draw(tensors(dtype, (1, 6 + 2, 5 + head.num_classes)))
    chosen = data.draw(options())
    plain = reference.yolo(raw, head, *pair, **chosen)
    assert_decodes_as(plain, [raw], head, [pair], **chosen)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_end_to_end_detections_are_those_of_the_plain_decoder(dtype, data):
    head = EndToEnd((64, 48), normalized=data.draw(st.booleans()))
    raw, pair, _ = data.draw(tensors(dtype, (1, data.draw(st.integers(0, 9)), 6)))
    chosen = data.draw(options())
    plain = reference.end_to_end(raw, head, *pair, **chosen)
    assert_decodes_as(plain, [raw], head, [pair], **chosen)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_dfl_detections_are_those_of_the_plain_decoder(dtype, together, data):
    head = YoloV8Dfl(data.draw(st.integers(1, 4)), (16, 24), strides=(8, 16), bins=3)
    outputs, pairs, boxes, logits = [], [], [], []
    for rows, columns, _ in head.grids:
        widths = [12 + head.num_classes] if together else [12, head.num_classes]
        parts = []
        for width in widths:
            raw, pair, real = data.draw(tensors(dtype, (1, rows, columns, width), REALS))
            outputs.append(raw)
            pairs.append(pair)
            parts.append(real[0])
        boxes.append(parts[0][..., :12])
        logits.append(parts[-1][..., 12:] if together else parts[1])
    chosen = data.draw(options())
    plain = reference.dfl(boxes, logits, head, **chosen)
    assert_decodes_as(plain, outputs, head, pairs, **chosen)
    if together:
        assert_decodes_as(plain, outputs[::-1], head, pairs[::-1], **chosen)


def test_a_distribution_in_one_bin_is_that_distance():
    head = YoloV8Dfl(1, (64, 64), strides=(32,), bins=16)
    raw = np.full((1, 2, 2, 65), -100, np.float32)
    for side, distance in enumerate([1, 2, 3, 4]):
        raw[0, 1, 0, 16 * side + distance] = 100
    raw[0, 1, 0, 64] = 3
    found = edgecore.decode([raw], head)
    np.testing.assert_array_equal(found.xyxy, np.float32([[-16, -16, 112, 176]]))


def test_grids_that_are_not_the_pictures_are_named():
    head = YoloV8Dfl(2, (64, 64), strides=(32,))
    wrong = np.zeros((1, 3, 2, 66), np.float32)
    with pytest.raises(ValueError, match=r"expected one of shape \(1, 2, 2, 66\), got"):
        edgecore.decode([wrong], head)
    with pytest.raises(ValueError, match="expected 2 for YoloV8Dfl, got 3"):
        edgecore.decode([wrong] * 3, head)
    with pytest.raises(ValueError, match=r"expected shape \(1, 21, 7\), got \(1, 20, 7\)"):
        edgecore.decode(
            [np.zeros((1, 20, 7), np.float32)],
            YoloX(2, (32, 32), decoded=False),
        )


@pytest.mark.parametrize(
    "make",
    [
        lambda: YoloV8Dfl(bins=1),
        lambda: YoloV8Dfl(strides=()),
        lambda: YoloX(strides=(8, 0)),
        lambda: EndToEnd((0, 1)),
    ],
)
def test_a_head_that_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match="expected"):
        make()


def test_both_class_lists_at_once_are_refused():
    raw = np.zeros((1, 5, 6), np.float32)
    with pytest.raises(ValueError, match="expected one at most, got both"):
        edgecore.decode([raw], EndToEnd(), category_allowlist=[1], category_denylist=[2])
    with pytest.raises(ValueError, match=r"category_denylist: expected class ids .* got -1"):
        edgecore.decode([raw], EndToEnd(), category_denylist=[-1])
