"""Heads that score the cells of a grid: FOMO and CenterNet."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgecore
from edgecore.heads import CenterNet, Fomo
from tests.reference import grids as reference
from tests.vision.head_values import DTYPES, REALS, assert_decodes_as, options, tensors


@pytest.mark.parametrize("boxes", ["cells", "centroids"])
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_fomo_objects_are_those_of_the_plain_decoder(dtype, boxes, data):
    head = Fomo(data.draw(st.integers(1, 3)), (96, 60), boxes)
    rows, columns = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    raw, pair, real = data.draw(tensors(dtype, (1, rows, columns, 1 + head.num_classes)))
    chosen = data.draw(options())
    assert_decodes_as(reference.fomo(real[0], head, **chosen), [raw], head, [pair], **chosen)


@pytest.mark.parametrize("order", ["xy", "yx"])
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_centernet_peaks_are_those_of_the_plain_decoder(dtype, order, data):
    activation = data.draw(st.sampled_from(["sigmoid", "none"]))
    head = CenterNet(data.draw(st.integers(1, 3)), (40, 60), 1, 2, 0, order, activation)
    grid = (1, data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4)))
    shapes = [(*grid, 2), (*grid, head.num_classes), (*grid, 2)]
    drawn = [data.draw(tensors(dtype, shape, REALS)) for shape in shapes]
    outputs, pairs, (size, heatmap, offset) = zip(*drawn, strict=True)
    chosen = data.draw(options())
    plain = reference.centernet(heatmap[0], offset[0], size[0], head, **chosen)
    assert_decodes_as(plain, outputs, head, pairs, **chosen)


def test_touching_cells_of_a_class_are_one_object_at_their_mean():
    raw = np.zeros((1, 4, 4, 3), np.float32)
    raw[0, 0, 0, 1], raw[0, 1, 1, 1], raw[0, 3, 3, 1], raw[0, 1, 2, 2] = 0.5, 0.9, 0.6, 0.7
    found = edgecore.decode([raw], Fomo(2, (32, 32)))
    assert found.class_id.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(found.xyxy[0], [4, 4, 12, 12])
    np.testing.assert_array_equal(found.xyxy[1], [16, 8, 24, 16])
    assert len(edgecore.decode([raw], Fomo(2, (32, 32), "cells"))) == 4


def test_a_cell_beside_a_larger_score_of_its_class_is_no_peak():
    heatmap = np.zeros((1, 3, 3, 2), np.float32)
    heatmap[0, 1, 1, 0], heatmap[0, 1, 2, 0], heatmap[0, 1, 2, 1] = 0.9, 0.8, 0.7
    offset = np.full((1, 3, 3, 2), 0.5, np.float32)
    size = np.ones((1, 3, 3, 2), np.float32)
    head = CenterNet(2, (12, 12), activation="none")
    found = edgecore.decode([heatmap, offset, size], head)
    assert found.class_id.tolist() == [0, 1]
    np.testing.assert_array_equal(found.xyxy, np.float32([[4, 4, 8, 8], [8, 4, 12, 8]]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fomo(0),
        lambda: Fomo(1, boxes="points"),
        lambda: CenterNet(order="hw"),
        lambda: CenterNet(heatmap=1, offset=1),
        lambda: CenterNet(activation="softmax"),
    ],
)
def test_a_head_that_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match="expected"):
        make()
