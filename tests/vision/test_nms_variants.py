"""Suppression by other measures (DIoU, turned boxes) and to other ends (soft, weighted)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import edgecore
from tests.reference import nms_variants as reference
from tests.vision.nms_pictures import UNIT, pictures

MOST = st.sampled_from([None, 1, 3])
AMONG = st.sampled_from([30000, 1, 7])
plentiful = settings(max_examples=150, deadline=None)


@plentiful
@given(pictures(), UNIT, UNIT, MOST, st.booleans())
def test_diou_indices_are_those_of_the_plain_definition(picture, iou, score, most, by_class):
    boxes, scores, classes = picture
    class_id = classes if by_class else None
    expected, _ = reference.greedy(
        scores,
        class_id,
        lambda k, i: reference.diou(boxes[k], boxes[i]),
        np.float32(iou),
        score,
        most,
    )
    arguments = {"iou_threshold": iou, "score_threshold": score, "max_detections": most}
    assert edgecore.nms(boxes, scores, class_id, method="diou", **arguments).tolist() == expected


@plentiful
@given(
    pictures(25),
    st.sampled_from(["linear", "gaussian"]),
    UNIT,
    st.sampled_from([0.05, 0.5, 3.0]),
    st.sampled_from([0.0, 0.001, 0.3]),
    MOST,
    AMONG,
    st.booleans(),
)
def test_soft_scores_are_those_of_the_plain_definition(
    picture, method, iou, sigma, score, most, among, by_class
):
    boxes, scores, classes = picture
    scores = np.where(np.isinf(scores), np.float32(1), scores)
    class_id = classes if by_class else None
    expected, truncated = reference.soft(
        boxes, scores, class_id, method, iou, sigma, score, most, among
    )
    found = edgecore.soft_nms(
        boxes,
        scores,
        class_id,
        method=method,
        iou_threshold=iou,
        sigma=sigma,
        score_threshold=score,
        max_detections=most,
        max_candidates=among,
    )
    assert found.indices.tolist() == [i for i, _ in expected]
    np.testing.assert_array_equal(found.scores, np.array([s for _, s in expected], np.float32))
    assert found.truncated == truncated
    assert (found.indices.dtype, found.scores.dtype) == (np.int64, np.float32)


@plentiful
@given(pictures(25), UNIT, UNIT, MOST, AMONG, st.booleans(), st.sampled_from([None, 0, 2]))
def test_blended_boxes_are_those_of_the_plain_definition(
    picture, iou, score, most, among, by_class, points
):
    boxes, scores, classes = picture
    scores = np.where(np.isinf(scores), np.float32(1), scores)
    class_id = classes if by_class else None
    keypoints = None
    rows = boxes
    if points is not None:
        keypoints = np.random.default_rng(0).normal(0, 9, (len(boxes), points, 2))
        keypoints = keypoints.astype(np.float32)
        rows = np.concatenate([boxes, keypoints.reshape(len(boxes), 2 * points)], axis=1)
    expected, truncated = reference.weighted(rows, scores, class_id, iou, score, most, among)
    found = edgecore.weighted_nms(
        boxes,
        scores,
        class_id,
        keypoints=keypoints,
        iou_threshold=iou,
        score_threshold=score,
        max_detections=most,
        max_candidates=among,
    )
    assert found.indices.tolist() == [i for i, _ in expected]
    blended = np.array([row for _, row in expected], np.float32).reshape(-1, rows.shape[1])
    np.testing.assert_array_equal(found.boxes, blended[:, :4])
    np.testing.assert_array_equal(found.scores, scores[found.indices])
    assert found.truncated == truncated
    if points is None:
        assert found.keypoints is None
    else:
        np.testing.assert_array_equal(
            found.keypoints.reshape(len(expected), 2 * points), blended[:, 4:]
        )


@st.composite
def turned(draw):
    n = draw(st.integers(0, 20))
    coarse = st.integers(0, 6).map(float)
    angle = st.one_of(
        st.sampled_from([0.0, math.pi / 2, math.pi / 4, -math.pi, 1000.0]),
        st.floats(-7, 7, width=32),
    )
    sides = draw(hnp.arrays(np.float32, (n, 4), elements=coarse))
    angles = draw(
        hnp.arrays(np.float32, (n, 1), elements=angle.map(lambda a: float(np.float32(a))))
    )
    scores = draw(hnp.arrays(np.float32, n, elements=st.floats(0, 1, width=32)))
    return np.concatenate([sides, angles], axis=1), scores


@plentiful
@given(turned(), UNIT, MOST, AMONG)
def test_turned_boxes_kept_are_those_of_the_plain_definition(picture, iou, most, among):
    boxes, scores = picture
    expected, truncated = reference.greedy(
        scores,
        None,
        lambda k, i: reference.rotated_iou(boxes[k], boxes[i]),
        float(np.float32(iou)),
        0.0,
        most,
        among,
    )
    found = edgecore.rotated_nms(
        boxes, scores, iou_threshold=iou, max_detections=most, max_candidates=among
    )
    assert found.indices.tolist() == expected
    assert found.truncated == truncated


@pytest.mark.parametrize("angle", [*np.linspace(-7, 7, 57), 999.9, -1000.0])
def test_sine_and_cosine_are_within_rounding_of_the_librarys(angle):
    cosine, sine = reference.turn(float(angle))
    assert cosine == pytest.approx(math.cos(angle), abs=3e-16 + abs(angle) * 2e-17)
    assert sine == pytest.approx(math.sin(angle), abs=3e-16 + abs(angle) * 2e-17)


def test_overlap_of_a_square_and_its_eighth_turn_is_the_octagon():
    square = np.array([3, 3, 2, 2, 0], np.float32)
    eighth = np.array([3, 3, 2, 2, math.pi / 4], np.float32)
    octagon = 8 * (math.sqrt(2) - 1)
    assert reference.rotated_iou(square, eighth) == pytest.approx(octagon / (8 - octagon), rel=1e-7)
    pair, scores = np.stack([square, eighth]), np.array([0.9, 0.8], np.float32)
    assert edgecore.rotated_nms(pair, scores, iou_threshold=0.70).indices.tolist() == [0]
    assert edgecore.rotated_nms(pair, scores, iou_threshold=0.71).indices.tolist() == [0, 1]


def test_turned_boxes_of_zero_turn_overlap_as_upright_ones():
    random = np.random.default_rng(0)
    middle, size = random.uniform(0, 100, (200, 2)), random.uniform(5, 30, (200, 2))
    upright = np.concatenate([middle - size / 2, middle + size / 2], axis=1).astype(np.float32)
    flat = np.concatenate([middle, size, np.zeros((200, 1))], axis=1).astype(np.float32)
    scores = random.random(200).astype(np.float32)
    found = edgecore.rotated_nms(flat, scores)
    assert found.indices.tolist() == edgecore.nms(upright, scores).tolist()
    np.testing.assert_array_equal(found.scores, scores[found.indices])


def test_a_bound_that_bites_is_reported():
    boxes = np.arange(5, dtype=np.float32)[:, None] * 9 + np.array([0, 0, 1, 1], np.float32)
    scores = np.linspace(1, 0.5, 5).astype(np.float32)
    for function in (edgecore.soft_nms, edgecore.weighted_nms):
        assert not function(boxes, scores, max_candidates=5, max_detections=5).truncated
        assert function(boxes, scores, max_candidates=4).truncated
        assert function(boxes, scores, max_detections=4).truncated


BOX, SCORE = np.array([[0, 0, 1, 1]], np.float32), np.array([0.5], np.float32)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: edgecore.soft_nms(BOX, SCORE, method="hard"), "'linear' or 'gaussian', got"),
        (lambda: edgecore.soft_nms(BOX, SCORE, sigma=0.0), "sigma: expected a number above 0"),
        (lambda: edgecore.soft_nms(BOX, SCORE, max_candidates=0), "max_candidates: expected"),
        (lambda: edgecore.soft_nms(BOX[:, ::-1].copy(), SCORE), "x1 >= x0"),
        (lambda: edgecore.weighted_nms(BOX, SCORE[:0]), r"scores: expected shape \(1,\)"),
        (
            lambda: edgecore.weighted_nms(BOX, SCORE, keypoints=np.zeros((1, 3), np.float32)),
            r"keypoints: expected shape \(1, p, 2\), got \(1, 3\)",
        ),
        (lambda: edgecore.rotated_nms(BOX, SCORE), r"boxes: expected shape \(n, 5\)"),
        (
            lambda: edgecore.rotated_nms(np.array([[0, 0, -1, 1, 0]], np.float32), SCORE),
            r"got \[0.0, 0.0, -1.0, 1.0, 0.0\] in row 0",
        ),
        (
            lambda: edgecore.rotated_nms(np.array([[0, 0, 1, 1, 1001]], np.float32), SCORE),
            "at most 1000 radians",
        ),
        (lambda: edgecore.rotated_nms(np.zeros((1, 5), np.float32), SCORE, iou_threshold=2), "iou"),
    ],
)
def test_argument_out_of_range_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()
