"""Raw tensors, quantisation and options as hypothesis draws them, for every head."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import edgecore
from edgecore import isa
from tests.reference import heads as reference

DTYPES = ["float32", "int8", "uint8"]
SCALES = st.sampled_from([1 / 255, 0.00390632, 0.0044834911823272705, 0.02, 1.0])
THRESHOLDS = st.sampled_from([0.0, 0.001, 0.25, 0.5, 1.0])
PROBABILITIES = st.one_of(
    st.sampled_from([0.0, -0.0, 0.5, 1.0, 0.25, float("nan"), float("inf"), -0.125]),
    st.floats(0, 1, width=32),
)
REALS = st.one_of(
    st.sampled_from([0.0, float("nan"), float("inf"), float("-inf"), 200.0, -200.0]),
    st.floats(-8, 8, width=32),
)
CLASS_LISTS = st.one_of(
    st.just({}),
    st.lists(st.integers(0, 5), max_size=4).map(lambda ids: {"category_allowlist": tuple(ids)}),
    st.lists(st.integers(0, 5), max_size=4).map(lambda ids: {"category_denylist": tuple(ids)}),
)


@st.composite
def options(draw):
    return {
        "score_threshold": draw(THRESHOLDS),
        "iou_threshold": draw(st.sampled_from([0.0, 0.45, 1.0])),
        "max_detections": draw(st.sampled_from([1, 3, 300])),
        "class_agnostic": draw(st.booleans()),
        "multi_label": draw(st.booleans()),
        **draw(CLASS_LISTS),
    }


@st.composite
def quantizations(draw, dtype):
    if dtype == "float32":
        return 0.0, 0
    limits = np.iinfo(dtype)
    edge = st.sampled_from([int(limits.min), int(limits.min) + 3, 0])
    return draw(SCALES), draw(st.one_of(edge, st.integers(int(limits.min), int(limits.max))))


@st.composite
def tensors(draw, dtype, shape, values=PROBABILITIES):
    """An array, its quantisation, and what it means."""
    if dtype != "float32":
        limits = np.iinfo(dtype)
        values = st.integers(int(limits.min), int(limits.max))
    raw = draw(hnp.arrays(dtype, shape, elements=values))
    pair = draw(quantizations(dtype))
    return raw, pair, reference.dequantize(raw, *pair)


def assert_identical(found: edgecore.Detections, plain: reference.Plain) -> None:
    np.testing.assert_array_equal(found.class_id, plain.class_id)
    np.testing.assert_array_equal(found.confidence, plain.confidence)
    np.testing.assert_array_equal(found.xyxy, plain.xyxy)
    assert found.truncated == plain.truncated
    assert (found.xyxy.dtype, found.confidence.dtype) == (np.float32, np.float32)
    assert found.class_id.dtype == np.int32
    assert found.class_name == [str(number) for number in plain.class_id]
    if plain.keypoints is None:
        assert found.keypoints is None
    else:
        assert found.keypoints is not None
        np.testing.assert_array_equal(found.keypoints, plain.keypoints)


def assert_decodes_as(plain: reference.Plain, outputs, head, pairs=None, **chosen) -> None:
    """On every instruction set."""
    for name in isa.available():
        with isa.pinned(name):
            assert_identical(edgecore.decode(outputs, head, pairs, **chosen), plain)
