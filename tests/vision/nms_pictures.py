"""Boxes, scores and classes as hypothesis draws them."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

# Few distinct values, so that ties, equal boxes and touching edges are common.
COARSE = st.integers(0, 12).map(float)
UNIT = st.sampled_from([0.0, 0.1, 0.25, 0.45, 0.5, 0.7, 1.0])


def boxes_at(corners: np.ndarray) -> np.ndarray:
    low = np.minimum(corners[:, :2], corners[:, 2:])
    high = np.maximum(corners[:, :2], corners[:, 2:])
    return np.concatenate([low, high], axis=1)


@st.composite
def pictures(draw, most=40):
    n = draw(st.integers(0, most))
    element = draw(st.sampled_from([COARSE, st.floats(-1e4, 1e4, width=32)]))
    corners = draw(hnp.arrays(np.float32, (n, 4), elements=element))
    score = st.one_of(
        st.sampled_from([0.0, -0.0, 0.5, float("nan"), float("inf"), -1.0]),
        st.floats(0, 1, width=32),
    )
    scores = draw(hnp.arrays(np.float32, n, elements=score))
    classes = draw(hnp.arrays(np.int64, n, elements=st.sampled_from([0, 1, -7, 2**40])))
    return boxes_at(corners), scores, classes
