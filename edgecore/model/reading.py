"""The facts of a model file, from its graph first, then its metadata, then the user."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgecore.errors import ModelError
from edgecore.model import graph as graphs
from edgecore.model import labels as names
from edgecore.model import metadata as carriers
from edgecore.model.facts import Fact, Fit, Model, Trial
from edgecore.model.graph import Graph, Tensor
from edgecore.model.preparation import prepare
from edgecore.model.recognised import Recognition
from edgecore.model.recognition import POSTPROCESS, recognise
from edgecore.model.states import pair_states

if TYPE_CHECKING:
    from edgecore.heads import Head

_PICTURE_TYPES = ("uint8", "int8", "float32", "float16")
_MAX_SIDE = 1 << 14


def read(
    path: str | Path,
    *,
    labels: names.Labels = None,
    head: "Head | None" = None,
    input_size: tuple[int, int] | None = None,
    fit: Fit | None = None,
    trial: Trial | None = None,
) -> Model:
    """The facts of the model at `path`.

    No engine is loaded, and hostile bytes are ordinary input.

    Args:
        path: a .tflite file.
        labels: names of the classes, or a text file of them, in place of the model's own.
        head: the head to decode, in place of the one found.
        input_size: height and width in pixels, for a model that leaves them open.
        fit: "letterbox" or "stretch", in place of the head's usual one.
        trial: what `verify` saw; it tells a float model's boxes in pixels from normalised ones.

    Raises:
        ValueError: a fit other than those two.
        ModelError: not a model, damaged, without a picture among its inputs, or with labels that
            do not match its classes. An unknown head is an error only when `Model.head` is
            asked for.
    """
    if fit not in (None, "letterbox", "stretch"):
        raise ValueError(f"fit must be letterbox or stretch, got {fit!r}")
    path = Path(path)
    try:
        return _read(path, labels, head, input_size, fit, trial)
    except ModelError as error:
        said = str(error)
        raise ModelError(said if str(path) in said else f"{path}: {said}") from error


def _read(
    path: Path,
    labels: names.Labels,
    head: "Head | None",
    input_size: tuple[int, int] | None,
    fit: Fit | None,
    trial: Trial | None,
) -> Model:
    with graphs.mapped(path) as data:
        graph = graphs.parse(data)
    position, layout = _picture_position(graph)
    picture = graph.inputs[position]
    metadata = carriers.read(path, graph.metadata.get("TFLITE_METADATA"), position)
    size, size_source = _size(graph, picture, layout, head, input_size, metadata)
    state = pair_states(graph, position)
    fed_back = {output for _, output in state}
    chosen = tuple(i for i in range(len(graph.outputs)) if i not in fed_back)
    given = names.from_user(labels)
    found = recognise(
        graph,
        tuple(graph.outputs[i] for i in chosen),
        size,
        metadata,
        label_count=len(given or metadata.labels),
        largest=_chosen(trial, len(graph.outputs), chosen),
    )
    kind = type(head).__name__.lower() if head is not None else found.kind
    classes = found.classes if head is None else getattr(head, "num_classes", found.classes)
    known, label_fact = names.fitted(
        given or metadata.labels or found.labels,
        "user" if given else metadata.labels_source if metadata.labels else found.reason,
        classes,
        exact=kind.startswith("yolo"),
    )
    depth = picture.shape[3 if layout == "nhwc" else 1]
    prepared, preparation_facts = prepare(picture, depth, kind, metadata, fit)
    built = head if head is not None else found.head
    shape = _shape(picture, layout, size)
    return Model(
        path=path,
        kind=kind,
        input_index=position,
        input_size=size,
        input_shape=shape,
        layout=layout,
        dtype=picture.dtype,
        output_indices=chosen,
        labels=known,
        **prepared._asdict(),
        state=state,
        facts=(
            *_graph_facts(graph, position, layout, state),
            Fact("input size", f"{size[0]}x{size[1]}", size_source),
            *_head_facts(found, head, classes),
            label_fact,
            *preparation_facts,
        ),
        known_head=built,
        no_head_reason="" if built is not None else found.reason,
    )


def _chosen(trial: Trial | None, count: int, chosen: tuple[int, ...]) -> list[float]:
    if trial is None or len(trial.largest) != count:
        return []
    return [trial.largest[i] for i in chosen]


def _picture_position(graph: Graph) -> tuple[int, Literal["nhwc", "nchw"]]:
    """Which input is the picture: the first of rank 4 with 3 channels, else with 1."""
    for depth in (3, 1):
        for position, tensor in enumerate(graph.inputs):
            if len(tensor.shape) == 4 and tensor.dtype in _PICTURE_TYPES:
                if tensor.shape[3] == depth:
                    return position, "nhwc"
                if tensor.shape[1] == depth:
                    return position, "nchw"
    inputs = ", ".join(f"{tensor.dtype} {tensor.shape}" for tensor in graph.inputs)
    raise ModelError(
        f"wrong kind of model: no picture of 1 or 3 channels among its inputs {inputs}"
    )


def _size(
    graph: Graph,
    picture: Tensor,
    layout: str,
    head: "Head | None",
    given: tuple[int, int] | None,
    metadata: carriers.Metadata,
) -> tuple[tuple[int, int], str]:
    height, width = picture.shape[1:3] if layout == "nhwc" else picture.shape[2:4]
    choices: list[tuple[tuple[int, int] | None, str]] = [
        (given, "user"),
        (head.input_size if head is not None else None, "user's head"),
        (metadata.input_size, metadata.source),
        (_usual_size(graph), "no source: the usual, as the model leaves it open"),
    ]
    if height > 0 and width > 0:
        choices = [((height, width), "tensor shape")]
        if given is not None and given != (height, width):
            raise ModelError(f"input_size is fixed at {(height, width)} by the model, got {given}")
    size, source = next((size, source) for size, source in choices if size is not None)
    if not all(1 <= side <= _MAX_SIDE for side in size):
        raise ModelError(f"input size {size} of the {source} is not within 1 to {_MAX_SIDE}")
    return size, source


def _usual_size(graph: Graph) -> tuple[int, int]:
    grids = len(graph.outputs) > 1 and all(len(tensor.shape) == 4 for tensor in graph.outputs)
    return (300, 300) if grids or POSTPROCESS in graph.custom_operators else (640, 640)


def _shape(picture: Tensor, layout: str, size: tuple[int, int]) -> tuple[int, ...]:
    depth = picture.shape[3 if layout == "nhwc" else 1]
    batch = picture.shape[0]
    if batch not in (-1, 1):
        raise ModelError(f"the model takes {batch} pictures at once, expected 1")
    return (1, *size, depth) if layout == "nhwc" else (1, depth, *size)


def _graph_facts(
    graph: Graph, position: int, layout: str, state: tuple[tuple[int, int], ...]
) -> list[Fact]:
    facts = [Fact("operators", str(len(graph.operators)), "graph")]
    if graph.custom_operators:
        facts.append(Fact("custom operators", ", ".join(graph.custom_operators), "graph"))
    facts.append(Fact("picture", f"{_text(graph.inputs[position])}, {layout}", "tensor shape"))
    facts += [Fact("output", _text(tensor), "tensor shape") for tensor in graph.outputs]
    for taken, fed in state:
        text = f"{graph.outputs[fed].name} -> {graph.inputs[taken].name}"
        facts.append(Fact("state", text, "same shape, type and quantisation; names"))
    paired = {position, *(taken for taken, _ in state)}
    facts += [
        Fact("unknown input", _text(tensor), "neither picture nor state; left at zero")
        for place, tensor in enumerate(graph.inputs)
        if place not in paired
    ]
    return facts


def _head_facts(found: Recognition, head: "Head | None", classes: int) -> list[Fact]:
    if head is not None:
        return [Fact("head", repr(head), "user")]
    if found.head is None:
        return [Fact("head", f"{found.kind} (not decodable)", found.reason)]
    facts = [Fact("head", found.kind, found.reason)]
    facts += [Fact(name, text, found.reason) for name, text in found.details]
    unit = "parts of the picture's sides" if found.normalized else "pixels"
    facts.append(Fact("box unit", unit, found.normalized_reason))
    facts.append(Fact("classes", str(classes) if classes else "not told", found.reason))
    return facts


def _text(tensor: Tensor) -> str:
    text = f"{tensor.name or 'tensor'} {tensor.dtype} {'x'.join(map(str, tensor.shape)) or '?'}"
    if tensor.scale:
        text += f", scale {tensor.scale:.6g}, zero point {tensor.zero_point}"
    return text.replace("-1x", "?x")
