"""Which detection head a graph ends in, told by operators and shapes before anything else."""

import math
from collections.abc import Sequence

from edgecore import heads
from edgecore.model.flexbuffer import integers
from edgecore.model.graph import Graph, Tensor
from edgecore.model.metadata import Metadata
from edgecore.model.raw_heads import anchor_grids, grid, two_row_sets
from edgecore.model.recognised import Recognition

POSTPROCESS = "TFLite_Detection_PostProcess"

_PASSING = {6, 114, 22}  # DEQUANTIZE, QUANTIZE, RESHAPE: the value goes through
_STRIDES = (4, 8, 16, 32, 64, 128)
_NORMALIZED_LIMIT = 4.0
_SSD_ROLES = ("boxes", "classes", "scores", "count")
_ROLE_WORDS = {"classes": ("category", "class"), "scores": ("score", "confidence")}


def recognise(
    graph: Graph,
    outputs: tuple[Tensor, ...],
    input_size: tuple[int, int],
    metadata: Metadata,
    label_count: int,
    largest: Sequence[float] = (),
) -> Recognition:
    """The head that `outputs`, the graph's outputs without its state, belong to.

    Args:
        graph: for its operators.
        outputs: tensors in the graph's order.
        input_size: height and width of the picture, pixels.
        metadata: for the task and the names of outputs.
        label_count: how many labels are known from the file or the user, 0 if none.
        largest: the largest value of each of `outputs` in a first run; empty if there was none.
    """
    task = metadata.task
    if task not in (None, "detect"):
        return Recognition("other", f"its metadata says that its task is {task!r}, not 'detect'")
    postprocess = _postprocess(graph, outputs, input_size)
    if postprocess is not None:
        return postprocess
    shapes = [tensor.shape for tensor in outputs]
    if len(outputs) == 1 and len(shapes[0]) == 3:
        return _rows(outputs[0], input_size, label_count, largest)
    if len(outputs) == 1 and len(shapes[0]) == 4 and shapes[0][3] >= 2:
        return grid(shapes[0], input_size)
    if len(outputs) == 1 and len(shapes[0]) == 2:
        return Recognition("classifier", f"an image classifier of {shapes[0][1]} classes")
    if len(outputs) == 4:
        return _ssd_by_shape(outputs, metadata, input_size)
    if len(outputs) == 2 and all(len(shape) == 3 for shape in shapes):
        return two_row_sets(outputs, input_size, label_count, largest)
    if len(outputs) % 2 == 0 and outputs and all(len(shape) == 4 for shape in shapes):
        return anchor_grids(shapes)
    return Recognition(
        "unknown", f"outputs of shape {', '.join(map(str, shapes))} are no known head"
    )


def _postprocess(
    graph: Graph, outputs: tuple[Tensor, ...], input_size: tuple[int, int]
) -> Recognition | None:
    """By the operator: its own four outputs have a fixed order, whatever the graph's order is."""
    found = next((op for op in graph.operators if op.custom == POSTPROCESS), None)
    if found is None or len(found.outputs) < 3:
        return None
    came_from = {
        op.outputs[0]: op.inputs[0]
        for op in graph.operators
        if op.code in _PASSING and op.outputs and op.inputs
    }
    places: dict[int, int] = {}
    for place, tensor in enumerate(outputs):
        index = tensor.index
        for _ in range(len(came_from)):
            if index not in came_from:
                break
            index = came_from[index]
        places.setdefault(index, place)
    roles = [places.get(index) for index in found.outputs[:4]]
    boxes, classes, scores = roles[:3]
    if boxes is None or classes is None or scores is None:
        return Recognition("unknown", f"it has {POSTPROCESS}, but not all its results are outputs")
    head = heads.Ssd(input_size, boxes, classes, scores, roles[3] if len(roles) == 4 else None)
    reason = f"operator {POSTPROCESS}"
    return Recognition(
        "ssd",
        reason,
        classes=max(integers(found.options).get("num_classes", 0), 0),
        normalized_reason="by definition of the operator",
        head=head,
        details=_output_order(head),
    )


def _output_order(head: heads.Ssd) -> tuple[tuple[str, str], ...]:
    places = (head.boxes, head.classes, head.scores, head.count)
    order = ", ".join(f"{role} {place}" for role, place in zip(_SSD_ROLES, places, strict=True))
    return (("output order", order),)


def _rows(
    output: Tensor, input_size: tuple[int, int], label_count: int, largest: Sequence[float]
) -> Recognition:
    """One output of rank 3: a row or a column for each place that a box may come from."""
    _, first, last = output.shape
    normalized, reason = _normalized(output, largest)
    cells = _cell_counts(input_size) | {-1}
    anchors = {3 * count for count in cells}
    if first > last >= 6 and first in anchors:
        why = f"{first} rows of {last}: 3 anchors for each cell"
        v5 = heads.YoloV5(last - 5, input_size, normalized)
        return Recognition("yolov5", why, last - 5, normalized, reason, v5)
    if (last > first or last == -1) and first >= 5 and (last in cells or label_count == first - 4):
        fit = "one for each cell" if last in cells else "4 more than there are labels"
        why = f"{first} rows of {last}: {fit}"
        v8 = heads.YoloV8(first - 4, input_size, normalized)
        return Recognition("yolov8", why, first - 4, normalized, reason, v8)
    if last == 6 and first <= 1000 and first not in cells:
        return _end_to_end(output, input_size, label_count, largest)
    if first > last >= 5 and first in cells:
        if label_count == last - 4:
            why = f"{first} rows of {last}: one for each cell, 4 more columns than labels"
            v8 = heads.YoloV8(last - 4, input_size, normalized, transposed=True)
            return Recognition("yolov8", why, last - 4, normalized, reason, v8)
        if label_count == last - 5 or last == 85:
            return _yolox(first, last, input_size, largest)
        return Recognition(
            "unknown",
            f"{first} rows of {last} may be YOLOv8 with {last - 4} classes or YOLOX with "
            f"{last - 5}: give the labels, or the head",
        )
    if last > first >= 6 and last in anchors:
        return Recognition("yolov5-columns", "a YOLOv5 head with channels first, not decodable")
    height, width = input_size
    return Recognition(
        "unknown",
        f"an output of shape {output.shape} is no known head for a picture of {height}x{width}",
    )


def _yolox(
    first: int, last: int, input_size: tuple[int, int], largest: Sequence[float]
) -> Recognition:
    """On an empty picture too, decoded boxes lie all over it, while raw ones are small numbers."""
    if len(largest) == 1 and math.isfinite(largest[0]):
        decoded = largest[0] > max(input_size) / 2
        source = f"the largest value of a first run is {largest[0]:.4g}"
    else:
        decoded, source = True, "assumed"
    head = heads.YoloX(last - 5, input_size, decoded)
    if not decoded and sum(rows * columns for rows, columns, _ in head.grids) != first:
        return Recognition("yolox", f"a YOLOX head whose {first} cells are of no known strides")
    return Recognition(
        "yolox",
        f"{first} rows of {last}: one for each cell, 5 more columns than classes",
        last - 5,
        normalized=False,
        normalized_reason="by definition of the head",
        head=head,
        details=(("boxes", f"{'decoded' if decoded else 'raw'}: {source}"),),
    )


def _end_to_end(
    output: Tensor, input_size: tuple[int, int], label_count: int, largest: Sequence[float]
) -> Recognition:
    """Class ids stand beside the boxes: only a number that none of them can be tells pixels."""
    ids = max(label_count, 91)
    if output.scale and output.levels:
        most = output.scale * (output.levels[1] - output.zero_point)
        reason = f"the output's largest possible value is {most:.4g}"
    elif len(largest) == 1 and math.isfinite(largest[0]):
        most, reason = largest[0], f"the largest value of a first run is {largest[0]:.4g}"
    else:
        most, reason = 0.0, "assumed, as in TFLite exports"
    return Recognition(
        "end-to-end",
        f"{output.shape[1]} rows of 6: finished boxes",
        label_count,
        most < ids,
        reason,
        heads.EndToEnd(input_size, most < ids),
    )


def _ssd_by_shape(
    outputs: tuple[Tensor, ...], metadata: Metadata, input_size: tuple[int, int]
) -> Recognition:
    """Four results whose operator is out of sight: by shape, then by the words in their names."""
    names = [f"{tensor.name} ".lower() for tensor in outputs]
    for place, name in enumerate(metadata.output_names[: len(names)]):
        names[place] += name.lower()
    shapes = [tuple(size for size in tensor.shape if size != 1) for tensor in outputs]
    roles: dict[str, int] = {}
    for place, shape in enumerate(shapes):
        if not shape:
            roles["count"] = place
        elif len(shape) == 2 and shape[1] == 4:
            roles["boxes"] = place
    for role in ("classes", "scores"):
        named = [
            place
            for place, name in enumerate(names)
            if place not in roles.values() and any(word in name for word in _ROLE_WORDS[role])
        ]
        if len(named) == 1:
            roles[role] = named[0]
    left = [place for place in range(4) if place not in roles.values()]
    missing = [role for role in _SSD_ROLES if role not in roles]
    if len(missing) == 1 and len(left) == 1:
        roles[missing[0]] = left[0]
    if len(roles) != 4:
        return Recognition(
            "unknown",
            f"four outputs of shape {', '.join(str(tensor.shape) for tensor in outputs)} look like "
            "finished SSD detections, but not which is which: give head=heads.Ssd(...)",
        )
    head = heads.Ssd(input_size, *(roles[role] for role in _SSD_ROLES))
    return Recognition(
        "ssd",
        "shapes and names of its four outputs",
        normalized_reason="as SSD detections are",
        head=head,
        details=_output_order(head),
    )


def _normalized(output: Tensor, largest: Sequence[float]) -> tuple[bool, str]:
    """Whether boxes are parts of the sides: even on an empty picture they cover all of it."""
    if output.scale and output.levels:
        limit = output.scale * (output.levels[1] - output.zero_point)
        return limit < _NORMALIZED_LIMIT, f"the output's largest possible value is {limit:.4g}"
    if len(largest) == 1 and math.isfinite(largest[0]):
        text = f"the largest value of a first run is {largest[0]:.4g}"
        return largest[0] < _NORMALIZED_LIMIT, text
    return True, "assumed, as in TFLite exports"


def _cell_counts(input_size: tuple[int, int]) -> set[int]:
    """How many cells a picture has, for every run of neighbouring strides."""
    grids = [-(-input_size[0] // s) * -(-input_size[1] // s) for s in _STRIDES]
    return {
        sum(grids[start:stop])
        for start in range(len(grids))
        for stop in range(start + 1, len(grids) + 1)
    }
