"""Plain decoders of heads whose boxes are coded against anchors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecore.heads import BlazeFace, SsdRaw
from tests.reference.elementary import exponential, sigmoid
from tests.reference.heads import Options, Plain, around, select

Float32Array = NDArray[np.float32]


def ssd_raw(boxes: Float32Array, scores: Float32Array, head: SsdRaw, **options: Any) -> Plain:
    """Dequantised codes (n, 4) and scores (n, [1 +] classes) of all anchors."""
    anchors = head.anchor_boxes()
    side = np.array(head.input_size[::-1], np.float32)
    scale_y, scale_x, scale_h, scale_w = (np.float32(one) for one in head.box_scale)
    with np.errstate(all="ignore"):
        centre = (
            boxes[:, [1, 0]] / np.array([scale_x, scale_y]) * anchors[:, 2:] + anchors[:, :2]
        ) * side
        size = exponential(boxes[:, [3, 2]] / np.array([scale_w, scale_h])) * anchors[:, 2:] * side
        ranked = scores[:, int(head.background) :]
        real = sigmoid(ranked) if head.activation == "sigmoid" else ranked
        return select(around(centre, size), ranked, real, Options(**options))


def blazeface(boxes: Float32Array, scores: Float32Array, head: BlazeFace, **options: Any) -> Plain:
    """Dequantised codes (n, 4 + 2 * keypoints) and logits (n, 1) of all anchors."""
    anchors = head.anchor_boxes()
    side = np.array(head.input_size[::-1], np.float32)
    with np.errstate(all="ignore"):
        points = (
            boxes.reshape(len(boxes), -1, 2) / side * anchors[:, None, 2:] + anchors[:, None, :2]
        ) * side
        size = boxes[:, 2:4] / side * anchors[:, 2:] * side
        corners = around(points[:, 0], size)
        return select(corners, scores, sigmoid(scores), Options(**options), points[:, 2:])
