"""Outputs of SSD and BlazeFace, checked and handed to their kernels."""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgecore import _native
from edgecore.decoding.tensors import Tensor, Tensors
from edgecore.heads import BlazeFace, Ssd, SsdRaw

if TYPE_CHECKING:
    from edgecore._native import _Found as Found


def ssd(
    native: _native.HeadDecoder, head: Ssd, tensors: Tensors, choice: _native.Choice
) -> "Found":
    """The outputs of TFLite_Detection_PostProcess."""
    last = max(head.boxes, head.classes, head.scores, head.count or 0)
    tensors.shape(last, head)
    boxes = tensors.get(head.boxes, (1, None, 4))
    n = boxes[0].shape[1]
    classes = tensors.get(head.classes, (1, n))
    scores = tensors.get(head.scores, (1, n))
    filled = n
    if head.count is not None:
        filled = _filled_rows(tensors.get(head.count, (1,)), n)
    height, width = head.input_size
    return native.ssd(boxes, classes, scores, filled, width, height, choice)


def _filled_rows(tensor: Tensor, n: int) -> int:
    array, scale, zero_point = tensor
    real = (float(array.reshape(-1)[0]) - zero_point) * scale
    if not (math.isfinite(real) and 0 <= round(real) <= n):
        raise ValueError(f"count output: expected 0..{n} filled rows, got {real}")
    return round(real)


class AnchoredHead:
    """Outputs coded against anchors, which are generated once."""

    def __init__(self, head: SsdRaw | BlazeFace) -> None:
        self.head = head
        anchors = head.anchor_boxes()
        height, width = head.input_size
        self.count = len(anchors)
        self.native = _anchored(anchors, head, width, height)
        self.boxes: tuple[int, ...]
        self.scores: tuple[int, ...]
        if isinstance(head, BlazeFace):
            self.boxes, self.scores = (head.boxes,), (head.scores,)
            self.box_row, self.score_row = 4 + 2 * head.num_keypoints, 1
        else:
            self.boxes, self.scores = head.boxes, head.scores
            self.box_row, self.score_row = 4, head.num_classes + head.background

    def __call__(
        self, native: _native.HeadDecoder, tensors: Tensors, choice: _native.Choice
    ) -> "Found":
        """Detections of one call's outputs."""
        boxes = [self._rows(tensors, index, self.box_row) for index in self.boxes]
        scores = [self._rows(tensors, index, self.score_row) for index in self.scores]
        counts = [tensor[0].size // self.box_row for tensor in boxes]
        given = [tensor[0].size // self.score_row for tensor in scores]
        if counts != given or sum(counts) != self.count:
            raise ValueError(
                f"outputs: expected boxes and scores of {self.count} anchors, got boxes of "
                f"{counts} and scores of {given}"
            )
        return native.anchored(boxes, scores, counts, self.native, choice)

    def _rows(self, tensors: Tensors, index: int, row: int) -> Tensor:
        shape = tensors.shape(index, self.head)
        if len(shape) < 3 or shape[0] != 1 or shape[-1] % row:
            raise ValueError(
                f"output {index}: expected shape (1, ..., k * {row}) for {self.head}, got {shape}"
            )
        return tensors.get(index, shape)


def _anchored(
    anchors: NDArray[np.float32], head: SsdRaw | BlazeFace, width: int, height: int
) -> _native.Anchored:
    if isinstance(head, BlazeFace):
        return _native.Anchored(
            anchors,
            classes=1,
            background=0,
            sigmoid=True,
            coder_scale=[width, height, width, height],
            exponential_size=False,
            y_first=False,
            keypoints=head.num_keypoints,
            x_scale=width,
            y_scale=height,
        )
    y, x, h, w = head.box_scale
    return _native.Anchored(
        anchors,
        classes=head.num_classes,
        background=int(head.background),
        sigmoid=head.activation == "sigmoid",
        coder_scale=[x, y, w, h],
        exponential_size=True,
        y_first=True,
        keypoints=0,
        x_scale=width,
        y_scale=height,
    )
