"""Heads that are told by shapes alone and decoded without boxes of the model's own."""

from collections.abc import Sequence

from edgecore import heads
from edgecore.model.graph import Tensor
from edgecore.model.recognised import Recognition

_BLAZEFACE_STRIDES = (((8, 16, 16, 16), 2), ((16, 32, 32, 32), 2), ((4,), 1))
_KEYPOINTS = (6,)


def grid(shape: tuple[int, ...], input_size: tuple[int, int]) -> Recognition:
    """One output of rank 4: a score for each cell and class, without boxes."""
    if shape[1:3] in {(input_size[0] // step, input_size[1] // step) for step in (4, 8, 16)}:
        classes = shape[3] - 1
        return Recognition(
            "fomo",
            f"{shape[1]}x{shape[2]} cells of {shape[3]} probabilities, the background's first",
            classes,
            normalized_reason="cells of the picture",
            head=heads.Fomo(classes, input_size),
        )
    return Recognition("unknown", f"a grid of shape {shape} is no known head")


def two_row_sets(
    outputs: tuple[Tensor, ...],
    input_size: tuple[int, int],
    label_count: int,
    largest: Sequence[float],
) -> Recognition:
    """Boxes and scores apart, one row for each anchor."""
    (_, n, first), (_, m, last) = (tensor.shape for tensor in outputs)
    if n == m and min(first, last) == 1 and max(first, last) in {4 + 2 * k for k in _KEYPOINTS}:
        return _blazeface(n, (0, 1) if last == 1 else (1, 0), input_size)
    if n == m and 4 in (first, last):
        boxes = 0 if first == 4 else 1
        return _raw_ssd(outputs, boxes, input_size, label_count, largest)
    return Recognition(
        "unknown", f"outputs of shape {outputs[0].shape} and {outputs[1].shape} are no known head"
    )


def _blazeface(n: int, places: tuple[int, int], input_size: tuple[int, int]) -> Recognition:
    for strides, anchors_per_stride in _BLAZEFACE_STRIDES:
        head = heads.BlazeFace(input_size, *places, strides, anchors_per_stride)
        if len(head.anchor_boxes()) == n:
            return Recognition(
                "blazeface",
                f"{n} rows of 16 and of 1: MediaPipe's anchors of strides {strides}",
                1,
                normalized=False,
                normalized_reason="by definition of the head",
                head=head,
                labels=("face",),
            )
    return Recognition("blazeface", f"a BlazeFace head whose {n} anchors are of no known layout", 1)


def _raw_ssd(
    outputs: tuple[Tensor, ...],
    boxes: int,
    input_size: tuple[int, int],
    label_count: int,
    largest: Sequence[float],
) -> Recognition:
    """Decoded only where the generator's defaults give as many anchors as there are rows."""
    scores = outputs[1 - boxes]
    _, n, width = scores.shape
    anchors = heads.SsdAnchors()
    if len(anchors.boxes(input_size)) != n:
        return Recognition("ssd-raw", "raw SSD boxes and scores whose anchors are not in the file")
    if scores.scale and scores.levels:
        most = scores.scale * (scores.levels[1] - scores.zero_point)
        source = f"the scores' largest possible value is {most:.4g}"
    elif len(largest) == 2:
        most = largest[1 - boxes]
        source = f"the scores' largest value of a first run is {most:.4g}"
    else:
        return Recognition(
            "ssd-raw", "raw SSD boxes and scores; without a first run, logits or probabilities"
        )
    background = width == 91 or label_count == width - 1
    activation = "none" if 0 <= most <= 1.01 else "sigmoid"
    return Recognition(
        "ssd-raw",
        f"{n} rows of 4 and of {width}: the anchors of an SSD MobileNet",
        width - background,
        normalized_reason="by definition of the head",
        head=heads.SsdRaw(
            width - background,
            input_size,
            anchors,
            (boxes,),
            (1 - boxes,),
            background,
            activation,
        ),
        details=(
            ("anchors", "defaults of TensorFlow's ssd_anchor_generator, as their number fits"),
            ("activation", f"{activation}: {source}"),
        ),
    )


def anchor_grids(shapes: list[tuple[int, ...]]) -> Recognition:
    """Raw SSD heads: for every grid one output of boxes and one of classes."""
    channels = [shape[3] for shape in shapes]
    pairs = list(zip(channels[0::2], channels[1::2], strict=True))
    if all(min(pair) % 4 == 0 and max(pair) * 4 % min(pair) == 0 for pair in pairs):
        return Recognition(
            "ssd-raw",
            f"{len(pairs)} pairs of raw SSD heads whose anchors are not in the file: "
            "give head=heads.SsdRaw(...)",
        )
    return Recognition("unknown", f"{len(shapes)} grids of {channels} channels are no known head")
