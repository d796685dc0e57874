import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgecore
from edgecore import isa
from tests.reference import nms as reference
from tests.vision.nms_pictures import UNIT, boxes_at, pictures

SCORES = np.array([0.9, 0.8], np.float32)


@settings(max_examples=300, deadline=None)
@given(pictures(), UNIT, UNIT, st.one_of(st.none(), st.integers(1, 8)), st.booleans())
def test_indices_are_those_of_the_plain_definition(picture, iou, score, most, by_class):
    boxes, scores, classes = picture
    arguments = {"iou_threshold": iou, "score_threshold": score, "max_detections": most}
    class_id = classes if by_class else None
    expected, _ = reference.nms(boxes, scores, class_id, **arguments)
    kept = edgecore.nms(boxes, scores, class_id, **arguments)
    assert kept.dtype == np.int64
    assert kept.tolist() == expected


@pytest.mark.parametrize("n", [1, 7, 8, 9, 63, 64, 65, 400])
@pytest.mark.parametrize("spread", [5.0, 300.0])
def test_crowds_of_every_size_match_the_plain_definition(n, spread):
    random = np.random.default_rng(n)
    middle = random.normal(0, spread, (n, 2))
    size = random.uniform(1, 40, (n, 2))
    boxes = np.concatenate([middle - size, middle + size], axis=1).astype(np.float32)
    scores = random.random(n).astype(np.float32)
    classes = random.integers(0, 3, n)
    expected, _ = reference.nms(boxes, scores, classes, iou_threshold=0.5)
    assert edgecore.nms(boxes, scores, classes, iou_threshold=0.5).tolist() == expected


SIZES = {
    "alike": lambda random, n: random.uniform(9, 11, (n, 2)),
    "of every size": lambda random, n: 2.0 ** random.uniform(-3, 9, (n, 2)),
    "tiny and huge": lambda random, n: 10.0 ** random.choice([-21, -18, 0, 1, 14, 19], (n, 2)),
    "some empty": lambda random, n: random.choice([0.0, 3.0, 20.0], (n, 2)),
    "quantised": lambda random, n: random.integers(1, 9, (n, 2)) * 4.0,
}


@pytest.mark.parametrize("name", isa.available())
@pytest.mark.parametrize("size", SIZES)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_crowd_of_many_kept_boxes_matches_the_plain_definition(name, size, data):
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    n = data.draw(st.integers(600, 1200))
    half = SIZES[size](random, n)
    spread = data.draw(st.sampled_from([(300, 300), (3000, 0), (0, 1e5), (1e-19, 1e-19), (80, 90)]))
    middle = random.uniform(-1, 1, (n, 2)) * spread
    if size == "quantised":
        middle = np.rint(middle)
    boxes = np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)
    scores = random.random(n).astype(np.float32)
    if data.draw(st.booleans()):
        scores = np.rint(scores * 20).astype(np.float32) / np.float32(20)
    classes = random.integers(0, 2, n) if data.draw(st.booleans()) else None
    arguments = {
        "iou_threshold": data.draw(UNIT),
        "max_detections": data.draw(st.sampled_from([None, 200])),
    }
    expected, _ = reference.nms(boxes, scores, classes, **arguments)
    with isa.pinned(name):
        assert edgecore.nms(boxes, scores, classes, **arguments).tolist() == expected


@pytest.mark.parametrize("name", isa.available())
def test_overlaps_within_a_rounding_of_the_threshold_are_decided_by_the_division(name):
    random = np.random.default_rng(1)
    for _ in range(300):
        boxes = boxes_at(random.uniform(0, 9, (2, 4)).astype(np.float32))
        overlap = float(reference.iou(boxes[:1], boxes[1])[0])
        for threshold in (overlap, np.nextafter(np.float32(overlap), np.float32(0))):
            arguments = {"iou_threshold": float(threshold)}
            expected, _ = reference.nms(boxes, SCORES, **arguments)
            with isa.pinned(name):
                assert edgecore.nms(boxes, SCORES, **arguments).tolist() == expected


@pytest.mark.parametrize(
    "scores",
    [
        np.linspace(-5, 5, 300),
        np.full(300, 0.25),
        np.r_[1e30, np.linspace(0, 1, 299)],
        np.r_[np.inf, np.linspace(0, 1, 299)],
        np.r_[-np.inf, np.linspace(0, 1e-40, 299)],
        np.tile([0.0, -0.0, 1e-45], 100),
        np.linspace(1, 0, 300).round(1),
    ],
)
def test_scores_of_any_distribution_are_ranked(scores):
    scores = scores.astype(np.float32)[np.random.default_rng(0).permutation(300)]
    boxes = np.arange(300, dtype=np.float32)[:, None] * 2 + np.array([0, 0, 1, 1], np.float32)
    order = reference.by_falling_score(scores, -np.inf)
    assert edgecore.nms(boxes, scores, score_threshold=-np.inf).tolist() == order


def test_ties_keep_the_lower_index():
    boxes = np.tile(np.array([[0, 0, 10, 10]], np.float32), (5, 1))
    scores = np.full(5, 0.5, np.float32)
    assert edgecore.nms(boxes, scores).tolist() == [0]
    apart = boxes + 20 * np.arange(5, dtype=np.float32)[:, None]
    assert edgecore.nms(apart, scores).tolist() == [0, 1, 2, 3, 4]


def test_nan_scores_are_never_kept_and_suppress_nothing():
    boxes = np.tile(np.array([[0, 0, 10, 10]], np.float32), (2, 1))
    scores = np.array([np.nan, 0.1], np.float32)
    assert edgecore.nms(boxes, scores).tolist() == [1]
    assert edgecore.nms(boxes, scores, score_threshold=-np.inf).tolist() == [1]


def test_classes_are_not_moved_apart_by_an_offset():
    """An offset in float32 would round these corners together and change their overlap."""
    boxes = np.array([[16777200, 0, 16777210, 10], [16777206, 0, 16777216, 10]], np.float32)
    scores = np.array([0.9, 0.8], np.float32)
    near = {"iou_threshold": 0.26}
    assert edgecore.nms(boxes, scores, np.array([9, 9]), **near).tolist() == [0, 1]
    assert edgecore.nms(boxes, scores, np.array([0, 1]), iou_threshold=0.0).tolist() == [0, 1]
    assert edgecore.nms(boxes, scores, np.array([9, 9]), iou_threshold=0.24).tolist() == [0]


def test_overlap_equal_to_the_threshold_does_not_suppress():
    boxes = np.array([[0, 0, 2, 1], [1, 0, 3, 1]], np.float32)
    scores = np.array([0.9, 0.8], np.float32)
    third = float(np.float32(1) / np.float32(3))
    assert edgecore.nms(boxes, scores, iou_threshold=third).tolist() == [0, 1]
    assert edgecore.nms(boxes, scores, iou_threshold=0.333).tolist() == [0]


def test_boxes_without_area_keep_one_another():
    boxes = np.array([[5, 5, 5, 5], [5, 5, 5, 5]], np.float32)
    assert edgecore.nms(boxes, np.array([0.5, 0.4], np.float32)).tolist() == [0, 1]


def test_no_boxes_give_no_indices():
    kept = edgecore.nms(np.empty((0, 4), np.float32), np.empty(0, np.float32))
    assert kept.shape == (0,)
    assert kept.dtype == np.int64


def test_threads_do_not_disturb_one_another():
    random = np.random.default_rng(0)
    boxes = boxes_at(random.uniform(0, 100, (2000, 4)).astype(np.float32))
    scores = random.random(2000).astype(np.float32)
    expected = edgecore.nms(boxes, scores)
    results: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: results.append(edgecore.nms(boxes, scores)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.array_equal(result, expected) for result in results)


BOX = np.array([[0, 0, 1, 1]], np.float32)
SCORE = np.array([0.5], np.float32)


@pytest.mark.parametrize(
    ("boxes", "scores", "classes", "text"),
    [
        (BOX.astype(np.float64), SCORE, None, "boxes: expected float32, got float64"),
        ([[0, 0, 1, 1]], SCORE, None, "boxes: expected a float32 ndarray, got list"),
        (BOX, SCORE.astype(np.float16), None, "scores: expected float32, got float16"),
        (np.zeros((4, 8), np.float32)[:, ::2], SCORE, None, "boxes: expected a C-contiguous"),
        (BOX, SCORE, np.array([0.0]), "class_id: expected integers of up to int64, got float64"),
        (BOX, SCORE, [0], "class_id: expected an integer ndarray, got list"),
    ],
)
def test_wrong_type_or_layout_is_named(boxes, scores, classes, text):
    with pytest.raises(TypeError, match=text):
        edgecore.nms(boxes, scores, classes)


@pytest.mark.parametrize(
    ("boxes", "scores", "classes", "text"),
    [
        (BOX[0], SCORE, None, r"boxes: expected shape \(n, 4\), got \(4,\)"),
        (np.zeros((1, 5), np.float32), SCORE, None, r"expected shape \(n, 4\), got \(1, 5\)"),
        (BOX, SCORE[:0], None, r"scores: expected shape \(1,\), got \(0,\)"),
        (BOX, SCORE, np.array([1, 2]), r"class_id: expected shape \(1,\), got \(2,\)"),
        (np.array([[0, 0, np.nan, 1]], np.float32), SCORE, None, r"nan, 1.0\] in row 0"),
        (np.array([[0, 0, np.inf, 1]], np.float32), SCORE, None, r"inf, 1.0\] in row 0"),
        (np.array([[2, 0, 1, 1]], np.float32), SCORE, None, "x1 >= x0"),
    ],
)
def test_wrong_shape_or_box_is_named(boxes, scores, classes, text):
    with pytest.raises(ValueError, match=text):
        edgecore.nms(boxes, scores, classes)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"iou_threshold": 1.5}, r"iou_threshold: expected a number in \[0, 1\], got 1.5"),
        ({"iou_threshold": float("nan")}, "iou_threshold: .* got nan"),
        ({"score_threshold": float("nan")}, "score_threshold: .* got nan"),
        ({"max_detections": 0}, "max_detections: expected at least 1, got 0"),
        ({"method": "soft-linear"}, "method: supported is 'hard' or 'diou', got 'soft-linear'"),
    ],
)
def test_argument_out_of_range_is_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        edgecore.nms(BOX, SCORE, **arguments)
