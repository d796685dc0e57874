"""No offset of a model file that passes leads out of the file."""

from __future__ import annotations

import inspect
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecore import model
from edgecore.errors import ModelError
from edgecore.model import flatbuffer, structure
from tests.runtime.model_files import File, Operator, Tensor, build, tflite_metadata

CONV_2D_OPTIONS = 1
WHOLE = build(
    File(
        [Tensor((1, 64, 64, 3), "int8", scale=0.01), Tensor((1, 7, 84), "int8", scale=0.01)],
        (0,),
        (1,),
        [Operator((0,), (1,))],
        {"TFLITE_METADATA": tflite_metadata()},
    )
)


def offsets(data: bytes) -> list[int]:
    """Where the offsets and lengths lie that a check follows."""
    found = []
    scalar = flatbuffer._scalar

    def noted(read: flatbuffer.Buffer, code: str, position: int) -> int:
        if code in "Ii":
            found.append(position)
        return scalar(read, code, position)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flatbuffer, "_scalar", noted)
        structure.check(data)
    return sorted(set(found))


OFFSETS = offsets(WHOLE)


def test_sound_models_pass(test_data: Path) -> None:
    paths = [model.embedded(), *sorted((test_data / "models").rglob("*.tflite"))]
    assert len(paths) > 8
    for path in paths:
        structure.check(path.read_bytes())


@given(place=st.sampled_from(OFFSETS), beyond=st.integers(0, 2**31 - 1 - len(WHOLE)))
def test_no_offset_or_length_leads_out_of_the_file(place: int, beyond: int) -> None:
    changed = bytearray(WHOLE)
    struct.pack_into("<I", changed, place, len(WHOLE) + beyond)
    with pytest.raises(ModelError, match="damaged"):
        structure.check(bytes(changed))


@given(st.integers(8, len(WHOLE) - 1))
def test_file_that_was_cut_is_refused_or_lost_nothing(length: int) -> None:
    """What may be missing is padding and the weights of a buffer that nobody has."""
    try:
        structure.check(WHOLE[:length])
    except ModelError:
        return
    assert max(OFFSETS) + 4 <= length


def test_text_ends_with_a_zero() -> None:
    data = bytearray(WHOLE)
    at = data.index(b"TFLITE_METADATA\0") + len("TFLITE_METADATA")
    data[at] = 1
    with pytest.raises(ModelError, match="does not end with a zero"):
        structure.check(bytes(data))


def test_options_that_are_numbers_alone_are_looked_at(test_data: Path) -> None:
    data = bytearray((test_data / "models" / "fomo_balloon.tflite").read_bytes())
    operators = flatbuffer.Table.root(bytes(data)).tables(2)[0].tables(3)
    places = [each._field(4) for each in operators if each.scalar(3, "B") == CONV_2D_OPTIONS]
    assert places[0] is not None
    struct.pack_into("<I", data, places[0], len(data))
    with pytest.raises(ModelError, match="damaged"):
        structure.check(bytes(data))


def test_more_tables_than_a_model_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "MAX_TABLES", 5)
    with pytest.raises(ModelError, match="more than 5 tables"):
        structure.check(WHOLE)


ITEMS = re.compile(r"UOffsetTFlags\.py_type\(j \* (\d+)\)")


def fields(schema: Any, name: str) -> Iterator[tuple[int, object]]:
    """What the engine's own reader of a table says of its fields that are no scalars."""
    for method, read in inspect.getmembers(getattr(schema, name), inspect.isfunction):
        text = inspect.getsource(read)
        number = re.search(r"Offset\((\d+)\)", text)
        if number is None or method.endswith(("AsNumpy", "IsNone", "Length")):
            continue
        field = int(number[1]) // 2 - 2
        inner = re.search(r"obj = (\w+)\(\)", text)
        if ".String(" in text:
            yield field, "text"
        elif "bytearray()" in text:
            yield field, "union"
        elif inner and "j" in inspect.signature(read).parameters:
            yield field, [inner[1]]
        elif inner:
            yield field, inner[1]
        elif (size := ITEMS.search(text)) is not None:
            yield field, int(size[1])


def test_tables_are_those_of_the_engines_schema() -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="LiteRT has it")
    named = [
        name for name, each in inspect.getmembers(schema, inspect.isclass) if "Init" in vars(each)
    ]
    theirs = {name: found for name in named if (found := dict(fields(schema, name)))}
    ours = {
        name: {field: "union" if isinstance(kind, tuple) else kind for field, kind in each.items()}
        for name, each in structure._FIELDS.items()
    }
    assert ours == theirs


@pytest.mark.parametrize(
    ("table", "field", "union"),
    [
        ("Operator", 4, "BuiltinOptions"),
        ("Operator", 12, "BuiltinOptions2"),
        ("QuantizationParameters", 5, "QuantizationDetails"),
        ("DimensionMetadata", 3, "SparseIndexVector"),
        ("DimensionMetadata", 5, "SparseIndexVector"),
    ],
)
def test_unions_are_those_of_the_engines_schema(table: str, field: int, union: str) -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="LiteRT has it")
    members = {
        number: name
        for name, number in vars(getattr(schema, union)).items()
        if name in structure._FIELDS
    }
    kind = structure._FIELDS[table][field]
    assert isinstance(kind, tuple)
    assert kind[1] == members
