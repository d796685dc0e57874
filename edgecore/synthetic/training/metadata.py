"""TFLite Metadata for the exported file: what it is, how its input is made, its labels.

The tables follow metadata_schema.fbs of TensorFlow Lite, version 1.0.1; field numbers are in the
order of that schema.
"""

import io
import zipfile
from typing import TYPE_CHECKING, Any

from edgecore.synthetic import CLASS_NAMES

if TYPE_CHECKING:
    import flatbuffers

LABEL_FILE = "road.txt"
DESCRIPTION = (
    "Finds people, cars and trucks in road scenes that edgecore renders, which are all it has "
    "been trained on. Output: centre x, centre y, width and height as parts of the picture's "
    "sides, then one score a class, for each cell."
)

_IDENTIFIER = b"M001"
_RGB = 1
_IMAGE_CONTENT = 2
_NORMALIZATION = 1
_TENSOR_VALUE_LABELS = 3


def with_metadata(model: bytes) -> bytes:
    """The model with the metadata buffer inside and the label file appended as a zip."""
    from tensorflow.lite.tools import flatbuffer_utils

    graph = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    buffer = flatbuffer_utils.schema_fb.BufferT()
    buffer.data = list(described())
    entry = flatbuffer_utils.schema_fb.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(graph.buffers)
    graph.buffers.append(buffer)
    graph.metadata = [*(graph.metadata or []), entry]
    graph.description = "edgecore road detector"
    graph.subgraphs[0].tensors[graph.subgraphs[0].inputs[0]].name = "picture"
    graph.subgraphs[0].tensors[graph.subgraphs[0].outputs[0]].name = "detections"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        member = zipfile.ZipInfo(LABEL_FILE, (1980, 1, 1, 0, 0, 0))
        archive.writestr(member, "".join(f"{name}\n" for name in CLASS_NAMES))
    return bytes(flatbuffer_utils.convert_object_to_bytearray(graph)) + packed.getvalue()


def described() -> bytes:
    """The metadata flatbuffer."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    text = builder.CreateString
    properties = _table(builder, {0: ("B", _RGB)})
    content = _table(builder, {0: ("B", _IMAGE_CONTENT), 1: ("table", properties)})
    options = _table(
        builder, {0: ("table", _floats(builder, [0.0])), 1: ("table", _floats(builder, [255.0]))}
    )
    unit = _table(builder, {0: ("B", _NORMALIZATION), 1: ("table", options)})
    picture = _table(
        builder,
        {
            0: ("table", text("picture")),
            1: ("table", text("RGB picture, letterboxed with grey 114")),
            3: ("table", content),
            4: ("table", _tables(builder, [unit])),
        },
    )
    labels = _table(
        builder,
        {
            0: ("table", text(LABEL_FILE)),
            1: ("table", text("Names of the classes, in the order of the scores")),
            2: ("b", _TENSOR_VALUE_LABELS),
        },
    )
    detections = _table(
        builder,
        {
            0: ("table", text("detections")),
            1: ("table", text("Boxes and scores, YOLOv8 layout, before suppression")),
            6: ("table", _tables(builder, [labels])),
        },
    )
    subgraph = _table(
        builder,
        {
            2: ("table", _tables(builder, [picture])),
            3: ("table", _tables(builder, [detections])),
        },
    )
    root = _table(
        builder,
        {
            0: ("table", text("edgecore road")),
            1: ("table", text(DESCRIPTION)),
            2: ("table", text("1")),
            3: ("table", _tables(builder, [subgraph])),
            4: ("table", text("edgecore")),
            5: ("table", text("Apache-2.0")),
        },
    )
    builder.Finish(root, file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _table(builder: "flatbuffers.Builder", fields: dict[int, tuple[str, Any]]) -> int:
    add = {
        "table": builder.PrependUOffsetTRelativeSlot,
        "b": builder.PrependInt8Slot,
        "B": builder.PrependUint8Slot,
    }
    builder.StartObject(max(fields) + 1)
    for slot, (kind, value) in fields.items():
        add[kind](slot, value, 0)
    return int(builder.EndObject())


def _tables(builder: "flatbuffers.Builder", items: list[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return int(builder.EndVector())


def _floats(builder: "flatbuffers.Builder", values: list[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return int(builder.EndVector())
