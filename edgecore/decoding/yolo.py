"""The YOLO family's outputs, checked and handed to their kernels."""

from typing import TYPE_CHECKING

from edgecore import _native
from edgecore.decoding.tensors import Shape, Tensor, Tensors
from edgecore.heads import EndToEnd, YoloV5, YoloV8, YoloV8Dfl, YoloX

if TYPE_CHECKING:
    from edgecore._native import _Found as Found


def yolo(
    native: _native.HeadDecoder,
    head: YoloV5 | YoloV8,
    tensors: Tensors,
    choice: _native.Choice,
) -> "Found":
    """One output, decoded by the model."""
    tensors.expect(1, head)
    if isinstance(head, YoloV5):
        order = _native.YoloOrder.anchor_major_objectness
        shape: Shape = (1, None, 5 + head.num_classes)
    elif head.transposed:
        order = _native.YoloOrder.anchor_major
        shape = (1, None, 4 + head.num_classes)
    else:
        order = _native.YoloOrder.class_major
        shape = (1, 4 + head.num_classes, None)
    tensor = tensors.get(0, shape)
    anchors = tensor[0].shape[2 if order is _native.YoloOrder.class_major else 1]
    height, width = head.input_size if head.normalized else (1, 1)
    return native.yolo(tensor, order, anchors, head.num_classes, width, height, choice)


def yolox(
    native: _native.HeadDecoder, head: YoloX, tensors: Tensors, choice: _native.Choice
) -> "Found":
    """One output, decoded by the model or not."""
    tensors.expect(1, head)
    row = 5 + head.num_classes
    if head.decoded:
        tensor = tensors.get(0, (1, None, row))
        order = _native.YoloOrder.anchor_major_objectness
        anchors = tensor[0].shape[1]
        return native.yolo(tensor, order, anchors, head.num_classes, 1, 1, choice)
    grids = head.grids
    anchors = sum(rows * columns for rows, columns, _ in grids)
    return native.yolox(tensors.get(0, (1, anchors, row)), grids, head.num_classes, choice)


def end_to_end(
    native: _native.HeadDecoder, head: EndToEnd, tensors: Tensors, choice: _native.Choice
) -> "Found":
    """One output of finished boxes."""
    tensors.expect(1, head)
    tensor = tensors.get(0, (1, None, 6))
    height, width = head.input_size if head.normalized else (1, 1)
    return native.end_to_end(tensor, tensor[0].shape[1], width, height, choice)


def dfl(
    native: _native.HeadDecoder, head: YoloV8Dfl, tensors: Tensors, choice: _native.Choice
) -> "Found":
    """An output, or a pair of outputs, for each stride."""
    sides, classes = 4 * head.bins, head.num_classes
    apart = len(tensors) != len(head.strides)
    if apart:
        tensors.expect(2 * len(head.strides), head)
    shapes = [tensors.shape(index, head) for index in range(len(tensors))]
    boxes: list[Tensor] = []
    scores: list[Tensor] = []
    for rows, columns, _ in head.grids:
        wanted = [sides, classes] if apart else [sides + classes]
        places: list[int] = []
        for channels in wanted:
            shape = (1, rows, columns, channels)
            fitting = [i for i, got in enumerate(shapes) if got == shape and i not in places]
            if not fitting:
                raise ValueError(f"outputs: expected one of shape {shape}, got {shapes}")
            places.append(fitting[0])
        read = [
            tensors.get(place, (1, rows, columns, channels))
            for place, channels in zip(places, wanted, strict=True)
        ]
        boxes.append(read[0])
        scores.append(read[-1])
    boxes_step, scores_step, start = (
        (sides, classes, 0) if apart else (sides + classes, sides + classes, sides)
    )
    return native.dfl(
        boxes, scores, head.grids, boxes_step, scores_step, start, head.bins, classes, choice
    )
