"""Heads coded against anchors: raw SSD and BlazeFace."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgecore
from edgecore.heads import BlazeFace, SsdAnchors, SsdRaw
from tests.reference import anchored as reference
from tests.reference.heads import dequantize
from tests.vision.head_values import (
    DTYPES,
    PROBABILITIES,
    REALS,
    assert_decodes_as,
    options,
    tensors,
)

TWO_LAYERS = SsdAnchors(strides=(16, 32), aspect_ratios=(1.0, 2.0))


@pytest.mark.parametrize("activation", ["sigmoid", "none"])
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_raw_ssd_detections_are_those_of_the_plain_decoder(dtype, activation, data):
    """Layer by layer: 2 x 2 cells of 3 anchors, then one cell of 3."""
    head = SsdRaw(
        data.draw(st.integers(1, 4)),
        (32, 32),
        TWO_LAYERS,
        boxes=(2, 0),
        scores=(3, 1),
        background=data.draw(st.booleans()),
        activation=activation,
    )
    row = head.num_classes + head.background
    values = REALS if activation == "sigmoid" else PROBABILITIES
    layers = {}
    for place, shape, drawn in [
        (2, (1, 2, 2, 3 * 4), REALS),
        (0, (1, 1, 1, 3 * 4), REALS),
        (3, (1, 2, 2, 3 * row), values),
        (1, (1, 1, 1, 3 * row), values),
    ]:
        layers[place] = data.draw(tensors(dtype, shape, drawn))
    boxes = np.concatenate([layers[place][2].reshape(-1, 4) for place in (2, 0)])
    scores = np.concatenate([layers[place][2].reshape(-1, row) for place in (3, 1)])
    chosen = data.draw(options())
    plain = reference.ssd_raw(boxes, scores, head, **chosen)
    outputs = [layers[place][0] for place in range(4)]
    pairs = [layers[place][1] for place in range(4)]
    assert_decodes_as(plain, outputs, head, pairs, **chosen)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", [15, 16, 33, 64, 90])
def test_rows_of_every_length_match_the_plain_decoder(classes, dtype):
    head = SsdRaw(classes, (300, 300), activation="none")
    random = np.random.default_rng(classes)
    scores = random.random((1, 1917, classes + 1)).astype(np.float32) ** 40
    scores[0, random.integers(0, 1917, 40), random.integers(0, classes, 40)] = np.nan
    codes = random.normal(0, 2, (1, 1917, 4)).astype(np.float32)
    pairs = [(0.0, 0)] * 2
    if dtype != "float32":
        low = np.iinfo(dtype).min
        pairs = [(0.05, low + 128), (1 / 255, low)]
        codes = np.clip(np.rint(codes / 0.05) + low + 128, low, low + 255).astype(dtype)
        scores = np.clip(np.rint(np.nan_to_num(scores) * 255) + low, low, low + 255).astype(dtype)
    real = [dequantize(raw, *pair) for raw, pair in zip([codes, scores], pairs, strict=True)]
    plain = reference.ssd_raw(real[0][0], real[1][0], head, score_threshold=0.6)
    assert_decodes_as(plain, [codes, scores], head, pairs, score_threshold=0.6)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_blazeface_detections_are_those_of_the_plain_decoder(dtype, data):
    head = BlazeFace((16, 24), boxes=1, scores=0, strides=(8, 16, 16), num_keypoints=2)
    scores, score_pair, logits = data.draw(tensors(dtype, (1, 20, 1), REALS))
    boxes, box_pair, codes = data.draw(tensors(dtype, (1, 20, 8), REALS))
    chosen = data.draw(options())
    plain = reference.blazeface(codes[0], logits[0], head, **chosen)
    assert_decodes_as(plain, [scores, boxes], head, [score_pair, box_pair], **chosen)


def test_default_anchors_are_the_1917_of_ssd_mobilenet():
    anchors = SsdRaw(90).anchor_boxes()
    assert anchors.shape == (1917, 4)
    assert anchors.dtype == np.float32
    np.testing.assert_allclose(anchors[0], [0.5 / 19, 0.5 / 19, 0.1, 0.1], rtol=1e-6)
    np.testing.assert_allclose(anchors[1, 2:], [0.2 * math.sqrt(2), 0.2 / math.sqrt(2)], rtol=1e-6)
    np.testing.assert_allclose(anchors[3, :2], [1.5 / 19, 0.5 / 19], rtol=1e-6)
    np.testing.assert_allclose(anchors[-1], [0.5, 0.5] + [math.sqrt(0.95)] * 2, rtol=1e-6)


def test_anchors_of_a_wide_picture_keep_their_shape_in_pixels():
    wide = SsdAnchors(strides=(50,)).boxes((100, 200))
    square = wide[0, 2:] * [200, 100]
    np.testing.assert_allclose(square, [10, 10], rtol=1e-6)


def test_blazeface_anchors_are_the_896_of_the_short_range_model():
    anchors = BlazeFace().anchor_boxes()
    assert anchors.shape == (896, 4)
    assert (anchors[:, 2:] == 1).all()
    np.testing.assert_allclose(anchors[1, :2], [1 / 32, 1 / 32])
    np.testing.assert_allclose(anchors[512 + 5, :2], [1 / 16, 1 / 16])


def test_outputs_of_another_number_of_anchors_are_named():
    head = SsdRaw(2, (32, 32), TWO_LAYERS)
    boxes, scores = np.zeros((1, 14, 4), np.float32), np.zeros((1, 14, 3), np.float32)
    with pytest.raises(ValueError, match=r"of 15 anchors, got boxes of .14. and scores of .14."):
        edgecore.decode([boxes, scores], head)
    with pytest.raises(ValueError, match=r"expected shape \(1, \.\.\., k \* 3\)"):
        edgecore.decode([boxes, np.zeros((1, 14, 4), np.float32)], head)
    with pytest.raises(ValueError, match="reads output 1, got 1 outputs"):
        edgecore.decode([boxes], head)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SsdRaw(0),
        lambda: SsdRaw(1, activation="softplus"),
        lambda: SsdRaw(1, boxes=(0, 1), scores=(2,)),
        lambda: SsdRaw(1, boxes=(0,), scores=(0,)),
        lambda: SsdRaw(1, box_scale=(10.0, 10.0, 5.0, 0.0)),
        lambda: SsdAnchors(min_scale=0.9, max_scale=0.2),
        lambda: SsdAnchors(aspect_ratios=(0.0,)),
        lambda: SsdAnchors(strides=()),
        lambda: BlazeFace(num_keypoints=-1),
    ],
)
def test_a_head_that_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match="expected"):
        make()
