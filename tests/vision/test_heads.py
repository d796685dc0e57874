import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import edgecore
from edgecore.heads import Ssd, YoloV5, YoloV8
from tests.reference import heads as reference
from tests.vision.head_values import (
    DTYPES,
    THRESHOLDS,
    assert_decodes_as,
    assert_identical,
    options,
    tensors,
)

HEADS = {
    "v5": (YoloV5, {}),
    "v8": (YoloV8, {}),
    "v8-transposed": (YoloV8, {"transposed": True}),
}


def yolo_shape(head: YoloV5 | YoloV8, anchors: int) -> tuple[int, int, int]:
    if isinstance(head, YoloV5):
        return (1, anchors, 5 + head.num_classes)
    row = 4 + head.num_classes
    return (1, anchors, row) if head.transposed else (1, row, anchors)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", HEADS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_yolo_detections_are_those_of_the_plain_decoder(kind, dtype, data):
    make, orientation = HEADS[kind]
    head = make(
        num_classes=data.draw(st.integers(1, 5)),
        input_size=data.draw(st.sampled_from([(640, 640), (33, 100)])),
        normalized=data.draw(st.booleans()),
        **orientation,
    )
    shape = yolo_shape(head, data.draw(st.integers(0, 12)))
    raw, pair, _ = data.draw(tensors(dtype, shape))
    chosen = data.draw(options())
    plain = reference.yolo(raw, head, *pair, **chosen)
    assert_decodes_as(plain, [raw], head, [pair], **chosen)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("anchors", [255, 256, 257, 511, 8400])
@pytest.mark.parametrize("kind", HEADS)
def test_yolo_heads_of_every_length_match_the_plain_decoder(kind, anchors, dtype):
    make, orientation = HEADS[kind]
    head = make(num_classes=7, **orientation)
    shape = yolo_shape(head, anchors)
    random = np.random.default_rng(anchors)
    real = random.random(shape).astype(np.float32) ** 16
    scale, zero_point = {"float32": (0.0, 0), "int8": (1 / 255, -128), "uint8": (1 / 250, 3)}[dtype]
    raw = real if dtype == "float32" else np.clip(np.rint(real / scale) + zero_point, -128, 255)
    raw = np.clip(raw, -128, 127).astype(dtype) if dtype == "int8" else raw.astype(dtype)
    threshold = 0.9 if isinstance(head, YoloV8) else 0.6
    selection = {"score_threshold": threshold, "iou_threshold": 0.45, "max_detections": 300}
    plain = reference.yolo(raw, head, scale, zero_point, **selection)
    assert_identical(edgecore.decode([raw], head, [(scale, zero_point)], **selection), plain)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_ssd_detections_are_those_of_the_plain_decoder(dtype, data):
    n = data.draw(st.integers(1, 12))
    order = data.draw(st.permutations(range(4)))
    head = Ssd((300, 200), *order)
    outputs: list[np.ndarray] = [np.empty(0)] * 4
    pairs: list[tuple[float, int]] = [(0.0, 0)] * 4
    for place, shape in [(head.boxes, (1, n, 4)), (head.scores, (1, n))]:
        outputs[place], pairs[place], _ = data.draw(tensors(dtype, shape))
    numbers = st.sampled_from([0.0, 1.0, 2.0, 90.0, float("nan"), 3e9])
    outputs[head.classes] = data.draw(hnp.arrays(np.float32, (1, n), elements=numbers))
    outputs[head.count] = np.array([data.draw(st.integers(0, n))], np.float32)
    selection = {
        "score_threshold": data.draw(THRESHOLDS),
        "max_detections": data.draw(st.sampled_from([1, 3, 300])),
    }
    found = edgecore.decode(outputs, head, pairs, **selection)
    assert_identical(found, reference.ssd(outputs, head, pairs, **selection))


def test_ssd_without_a_count_reads_every_row():
    outputs = [
        np.array([[[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.6, 0.6]]], np.float32),
        np.array([[1, 2]], np.float32),
        np.array([[0.5, 0.9]], np.float32),
    ]
    found = edgecore.decode(outputs, Ssd((100, 200), count=None))
    assert found.class_id.tolist() == [2, 1]
    np.testing.assert_allclose(found.xyxy[1], [40, 10, 80, 30], rtol=1e-6)


def test_ssd_rows_beyond_the_count_are_not_read():
    outputs = [
        np.full((1, 3, 4), np.nan, np.float32),
        np.zeros((1, 3), np.float32),
        np.ones((1, 3), np.float32),
        np.zeros(1, np.float32),
    ]
    assert len(edgecore.decode(outputs, Ssd((300, 300)))) == 0


def test_overlapping_boxes_of_different_classes_are_both_found():
    raw = np.zeros((1, 6, 3), np.float32)
    raw[0, :4] = 0.5
    raw[0, 4:, :] = [[0.9, 0.8, 0.0], [0.0, 0.0, 0.7]]
    found = edgecore.decode([raw], YoloV8(num_classes=2, input_size=(100, 200)))
    assert found.class_id.tolist() == [0, 1]
    np.testing.assert_array_equal(found.xyxy[0], [50, 25, 150, 75])


def test_truncated_says_that_a_detection_was_left_out():
    raw = np.zeros((1, 5, 3), np.float32)
    raw[0, 0] = [0.1, 0.5, 0.9]
    raw[0, 2:] = [[0.1] * 3, [0.1] * 3, [0.9, 0.8, 0.7]]
    head = YoloV8(num_classes=1)
    assert not edgecore.decode([raw], head, max_detections=3).truncated
    found = edgecore.decode([raw], head, max_detections=2)
    assert found.truncated
    assert len(found) == 2


def test_quantised_threshold_is_the_float_one_at_every_level():
    """Each raw level at a time as the only score, each level's own value as the threshold."""
    scale, zero_point = 0.0044834911823272705, 3
    head = YoloV8(num_classes=1)
    raw = np.full((1, 5, 256), 100, np.uint8)
    raw[0, 0] = np.arange(256)
    raw[0, 2:4] = 3
    raw[0, 4] = np.arange(256)
    real = reference.dequantize(raw, scale, zero_point)[0, 4]
    for threshold in real[(real >= 0) & (real <= 1)]:
        found = edgecore.decode(
            [raw], head, [(scale, zero_point)], score_threshold=float(threshold)
        )
        assert len(found) == np.count_nonzero(real >= threshold)


def test_nan_scores_and_boxes_are_left_out():
    raw = np.full((1, 5, 3), 0.5, np.float32)
    raw[0, 4, 0] = np.nan
    raw[0, 1, 1] = np.nan
    raw[0, 3, 2] = np.inf
    assert len(edgecore.decode([raw], YoloV8(num_classes=1))) == 0


def test_a_box_of_negative_size_becomes_empty():
    raw = np.array([0.5, 0.5, -0.1, 0.2, 0.9], np.float32).reshape(1, 5, 1)
    found = edgecore.decode([raw], YoloV8(num_classes=1, input_size=(100, 100)))
    np.testing.assert_array_equal(found.xyxy, np.array([[50, 40, 50, 60]], np.float32))


def test_results_are_not_touched_by_the_next_decode():
    raw = np.full((1, 5, 1), 0.5, np.float32)
    head = YoloV8(num_classes=1)
    first = edgecore.decode([raw], head)
    before = first.xyxy.copy()
    raw[...] = 0.75
    edgecore.decode([raw], head)
    np.testing.assert_array_equal(first.xyxy, before)


def test_read_only_tensors_are_decoded():
    raw = np.full((1, 5, 1), 0.5, np.float32)
    raw.flags.writeable = False
    assert len(edgecore.decode([raw], YoloV8(num_classes=1))) == 1


def test_threads_share_a_head_without_mixing_results():
    random = np.random.default_rng(3)
    head = YoloV8(num_classes=3)
    tensors = [random.random((1, 7, 500)).astype(np.float32) for _ in range(4)]
    expected = [edgecore.decode([raw], head) for raw in tensors]
    same: list[bool] = []

    def work(i: int) -> None:
        for _ in range(20):
            found = edgecore.decode([tensors[i]], head)
            same.append(np.array_equal(found.xyxy, expected[i].xyxy))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(same) == 80
    assert all(same)


def test_no_detections_is_empty_columns():
    nothing = edgecore.Detections.empty()
    assert len(nothing) == 0
    assert nothing.xyxy.shape == (0, 4)
    found = edgecore.decode([np.zeros((1, 5, 0), np.float32)], YoloV8(num_classes=1))
    assert len(found) == 0
    assert found.xyxy.shape == (0, 4)


V8 = YoloV8(num_classes=1)
INT8 = np.zeros((1, 5, 2), np.int8)


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ([np.zeros((1, 5, 2))], "output 0: expected float32, int8, uint8, got float64"),
        ([[[1.0]]], "output 0: expected an ndarray, got list"),
        ([np.zeros((1, 5, 4), np.float32)[..., ::2]], "output 0: expected C-contiguous"),
        (np.zeros((1, 5, 2), np.float32), "outputs: expected a sequence of arrays, got one"),
    ],
)
def test_wrong_type_or_layout_is_named(outputs, text):
    with pytest.raises(TypeError, match=text):
        edgecore.decode(outputs, V8)


@pytest.mark.parametrize(
    ("outputs", "quantization", "text"),
    [
        ([], None, "expected 1 for YoloV8, got 0"),
        ([np.zeros((1, 6, 2), np.float32)], None, r"shape \(1, 5, n\), got \(1, 6, 2\)"),
        ([np.zeros((2, 5, 2), np.float32)], None, r"shape \(1, 5, n\), got \(2, 5, 2\)"),
        ([INT8], None, "output 0 is int8: expected a quantisation scale above 0, got none"),
        ([INT8], [(0.0, 0)], "quantisation scale above 0, got 0.0"),
        ([INT8], [(float("nan"), 0)], "quantisation scale above 0, got nan"),
        ([INT8], [(0.1, 200)], r"zero point in -128..127 for int8, got 200"),
        ([INT8], [], "quantization: expected 1 pairs, one for each output, got 0"),
    ],
)
def test_wrong_shape_or_quantisation_is_named(outputs, quantization, text):
    with pytest.raises(ValueError, match=text):
        edgecore.decode(outputs, V8, quantization)


@pytest.mark.parametrize(
    ("count", "text"),
    [(4.0, "expected 0..3 filled rows, got 4.0"), (np.nan, "got nan"), (-1.0, "got -1.0")],
)
def test_an_ssd_count_that_cannot_be_is_named(count, text):
    outputs = [
        np.zeros((1, 3, 4), np.float32),
        np.zeros((1, 3), np.float32),
        np.zeros((1, 3), np.float32),
        np.array([count], np.float32),
    ]
    with pytest.raises(ValueError, match=text):
        edgecore.decode(outputs, Ssd((300, 300)))


def test_an_ssd_output_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="reads output 3, got 1 outputs"):
        edgecore.decode([np.zeros((1, 3, 4), np.float32)], Ssd((300, 300)))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"score_threshold": 1.5}, r"score_threshold: expected a number in \[0, 1\], got 1.5"),
        ({"score_threshold": float("nan")}, "score_threshold: .* got nan"),
        ({"iou_threshold": -0.1}, r"iou_threshold: expected a number in \[0, 1\], got -0.1"),
        ({"max_detections": 0}, "max_detections: expected at least 1, got 0"),
    ],
)
def test_argument_out_of_range_is_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        edgecore.decode([np.zeros((1, 5, 2), np.float32)], V8, **arguments)


@pytest.mark.parametrize(
    "make",
    [
        lambda: YoloV8(num_classes=0),
        lambda: YoloV5(num_classes=-1),
        lambda: YoloV8(input_size=(0, 640)),
        lambda: YoloV8(input_size=640),
        lambda: Ssd((300, 300), boxes=1, classes=1),
        lambda: Ssd((300, 300), boxes=-1),
    ],
)
def test_a_head_that_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match="expected"):
        make()


def test_something_else_than_a_head_is_refused():
    with pytest.raises(TypeError, match=r"head: expected one of edgecore.heads, got str"):
        edgecore.decode([np.zeros((1, 5, 2), np.float32)], "yolov8")
