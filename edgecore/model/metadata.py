"""What a model file says about itself besides its graph: TFLite Metadata and appended zip files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecore.errors import ModelError
from edgecore.model.flatbuffer import Table

UNNAMED = "???"
"""The label of a class id that has no name."""

_MAX_MEMBER_BYTES = 1 << 22
_MAX_CLASSES = 100_000
_ULTRALYTICS = {"metadata.json": "json", "temp_meta.txt": "python"}
_VALUE_LABELS = (3, 2)  # TENSOR_VALUE_LABELS before TENSOR_AXIS_LABELS
_NORMALIZATION = 1  # the process unit whose options are mean and std


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the carriers in a file say, each None or empty where they are silent.

    `source` names the carrier; `mean` and `std` are per pixel value of the image input;
    `output_names` are in the order of the graph's outputs.
    """

    source: str = ""
    labels: tuple[str, ...] = ()
    labels_source: str = ""
    task: str | None = None
    input_size: tuple[int, int] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    output_names: tuple[str, ...] = ()
    description: str = ""


def read(path: str | Path, tflite_metadata: bytes | None, input_position: int) -> Metadata:
    """The metadata of the model at `path`.

    Args:
        path: the model file, for the zip that may be appended to it.
        tflite_metadata: the buffer named TFLITE_METADATA, where the graph has one.
        input_position: which graph input is the picture.

    Raises:
        ModelError: a carrier is there but damaged; the text names it.
    """
    members = _zip_members(path)
    for name, notation in _ULTRALYTICS.items():
        if name in members:
            return _ultralytics(name, _parsed(name, notation, members[name]))
    if tflite_metadata:
        return _tflite(tflite_metadata, members, input_position)
    for name in sorted(members):
        if "label" in name.lower() and name.endswith(".txt"):
            return Metadata(f"appended zip: {name}", label_lines(members[name]), name)
    return Metadata()


def label_lines(data: bytes) -> tuple[str, ...]:
    """Labels of a text file: one a line, or "id name" on every line.

    Raises:
        ModelError: not UTF-8, or an id beyond any real number of classes.
    """
    try:
        lines = [line.strip() for line in data.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise ModelError(f"the label file is not UTF-8 text: {error}") from error
    while lines and not lines[-1]:
        lines.pop()
    numbered = [re.fullmatch(r"(\d{1,9})[\s:,]+(\S.*)", line) for line in lines]
    if lines and all(numbered):
        return numbered_labels({int(m[1]): m[2] for m in numbered if m})
    return tuple(line or UNNAMED for line in lines)


def numbered_labels(names: dict[int, str]) -> tuple[str, ...]:
    """Labels by class id, with UNNAMED in the gaps.

    Raises:
        ModelError: an id beyond any real number of classes.
    """
    count = max(names, default=-1) + 1
    if min(names, default=0) < 0 or count > _MAX_CLASSES:
        raise ModelError(f"class ids must be from 0 to {_MAX_CLASSES - 1}, got {sorted(names)[-1]}")
    return tuple(names.get(i, UNNAMED) for i in range(count))


def _zip_members(path: str | Path) -> dict[str, bytes]:
    """Text members of a zip appended to the file; none where there is no zip."""
    import zipfile
    import zlib

    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.filename.endswith((".json", ".txt")):
                    if info.file_size > _MAX_MEMBER_BYTES:
                        raise ModelError(
                            f"appended {info.filename} claims {info.file_size} bytes; "
                            f"at most {_MAX_MEMBER_BYTES} are taken"
                        )
                    found[info.filename] = archive.read(info)
    except zipfile.BadZipFile as error:
        if "not a zip file" in str(error):
            return {}
        raise ModelError(f"the zip appended to the model is damaged: {error}") from error
    except (zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise ModelError(f"the zip appended to the model is damaged: {error}") from error
    return found


def _parsed(name: str, notation: str, data: bytes) -> dict[Any, Any]:
    import ast
    import json

    try:
        text = data.decode("utf-8")
        value = json.loads(text) if notation == "json" else ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise ModelError(f"appended {name} cannot be parsed: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"appended {name} should hold a mapping, holds {type(value).__name__}")
    return value


def _ultralytics(name: str, value: dict[Any, Any]) -> Metadata:
    names, size = value.get("names", {}), value.get("imgsz")
    if isinstance(names, Sequence) and not isinstance(names, str):
        names = dict(enumerate(names))
    try:
        labels = numbered_labels({int(key): str(label) for key, label in names.items()})
        if isinstance(size, int):
            size = [size, size]
        input_size = (int(size[0]), int(size[1])) if size is not None else None
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"appended {name} has unusable names or imgsz: {error}") from error
    task = value.get("task")
    return Metadata(
        source=f"appended zip: {name}",
        labels=labels,
        labels_source=f"appended zip: {name}",
        task=str(task) if task is not None else None,
        input_size=input_size,
        description=str(value.get("description", "")),
    )


def _tflite(data: bytes, members: dict[str, bytes], input_position: int) -> Metadata:
    source = "TFLite Metadata"
    try:
        model = Table.root(data)
        subgraph = next(iter(model.tables(3)), None)
        if subgraph is None:
            return Metadata(source)
        inputs, outputs = subgraph.tables(2), subgraph.tables(3)
        mean, std = _normalization(inputs, input_position)
        file = _label_file(outputs, 6) or _label_file([subgraph], 4)
    except ModelError as error:
        raise ModelError(f"{source} is {error}") from error
    labels: tuple[str, ...] = ()
    if file:
        if file not in members:
            raise ModelError(f"{source} names the label file {file}, which is not in the model")
        labels = label_lines(members[file])
    return Metadata(
        source=source,
        labels=labels,
        labels_source=f"{source}: {file}" if file else "",
        mean=mean,
        std=std,
        output_names=tuple(table.text(0) for table in outputs),
        description=model.text(1),
    )


def _label_file(tables: list[Table], field: int) -> str:
    """The label file among the associated files that `field` of each table lists."""
    files = [file for table in tables for file in table.tables(field)]
    for kind in _VALUE_LABELS:
        for file in files:
            if file.scalar(2, "b") == kind:
                return file.text(0)
    return ""


def _normalization(
    inputs: list[Table], position: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if position < len(inputs):
        for unit in inputs[position].tables(4):
            options = unit.table(1)
            if unit.scalar(0, "B") == _NORMALIZATION and options is not None:
                mean, std = options.numbers(0, "f"), options.numbers(1, "f")
                if mean and std and all(std):
                    return mean, std
    return (), ()
