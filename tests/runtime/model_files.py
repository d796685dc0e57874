"""Small .tflite files made in memory, for shapes and carriers that no real model at hand has."""

import io
import json
import zipfile
from dataclasses import dataclass, field

import flatbuffers

POSTPROCESS = "TFLite_Detection_PostProcess"
ADD, RELU, CUSTOM = 0, 19, 32
TYPES = {"float32": 0, "uint8": 3, "int8": 9}


@dataclass
class Tensor:
    shape: tuple
    dtype: str = "float32"
    name: str = "tensor"
    scale: float = 0.0
    zero_point: int = 0
    signature: tuple = ()


@dataclass
class Operator:
    inputs: tuple
    outputs: tuple
    code: int = RELU
    custom: str = ""
    options: bytes = b""


@dataclass
class File:
    """`inputs` and `outputs` are indices into `tensors`."""

    tensors: list
    inputs: tuple
    outputs: tuple
    operators: list = field(default_factory=list)
    metadata: dict = field(default_factory=dict)


def detector(*outputs: Tensor, picture=(1, 64, 64, 3), dtype="float32", **others) -> bytes:
    """A model with one picture as its input and `outputs`; it has no operators."""
    tensors = [Tensor(picture, dtype, "picture", **others), *outputs]
    return build(File(tensors, (0,), tuple(range(1, len(tensors)))))


def relu(shape=(1, 4, 4, 3), signature=()) -> bytes:
    """A model that runs: its output is its input, negative values cut."""
    tensors = [Tensor(shape, name="x", signature=signature), Tensor(shape, name="y")]
    return build(File(tensors, (0,), (1,), [Operator((0,), (1,))]))


def with_zip(model: bytes, members: dict) -> bytes:
    """`model` with a zip of `members` appended; a dict becomes JSON."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, json.dumps(content) if isinstance(content, dict) else content)
    return model + packed.getvalue()


def build(file: File) -> bytes:
    builder = flatbuffers.Builder(1024)
    codes = sorted({(op.code, op.custom) for op in file.operators})
    code_tables = [
        table(
            builder,
            {
                0: ("int8", min(code, 127)),
                1: ("offset", builder.CreateString(custom) if custom else 0),
                2: ("int32", 1),
                3: ("int32", code),
            },
        )
        for code, custom in codes
    ]
    tensors = [tensor_table(builder, tensor) for tensor in file.tensors]
    operators = [
        table(
            builder,
            {
                0: ("uint32", codes.index((op.code, op.custom))),
                1: ("offset", integers(builder, op.inputs)),
                2: ("offset", integers(builder, op.outputs)),
                5: ("offset", builder.CreateByteVector(op.options) if op.options else 0),
            },
        )
        for op in file.operators
    ]
    subgraph = table(
        builder,
        {
            0: ("offset", offsets(builder, tensors)),
            1: ("offset", integers(builder, file.inputs)),
            2: ("offset", integers(builder, file.outputs)),
            3: ("offset", offsets(builder, operators)),
        },
    )
    buffers = [table(builder, {})]
    entries = []
    for name, data in file.metadata.items():
        entries.append(
            table(
                builder,
                {0: ("offset", builder.CreateString(name)), 1: ("uint32", len(buffers))},
            )
        )
        buffers.append(table(builder, {0: ("offset", builder.CreateByteVector(data))}))
    model = table(
        builder,
        {
            0: ("uint32", 3),
            1: ("offset", offsets(builder, code_tables)),
            2: ("offset", offsets(builder, [subgraph])),
            4: ("offset", offsets(builder, buffers)),
            6: ("offset", offsets(builder, entries)),
        },
    )
    builder.Finish(model, file_identifier=b"TFL3")
    return bytes(builder.Output())


def tflite_metadata(labels="labels.txt", mean=(127.5,), std=(127.5,), outputs=()) -> bytes:
    """A TFLite Metadata flatbuffer: normalisation of input 0, and a label file of output 0."""
    builder = flatbuffers.Builder(256)
    normalization = table(
        builder, {0: ("offset", floats(builder, mean)), 1: ("offset", floats(builder, std))}
    )
    unit = table(builder, {0: ("uint8", 1), 1: ("offset", normalization)})
    picture = table(builder, {4: ("offset", offsets(builder, [unit]))})
    label_file = table(builder, {0: ("offset", builder.CreateString(labels)), 2: ("int8", 3)})
    tensors = []
    for place, name in enumerate(outputs or ("first",)):
        files = offsets(builder, [label_file] if place == 0 else [])
        tensors.append(
            table(builder, {0: ("offset", builder.CreateString(name)), 6: ("offset", files)})
        )
    subgraph = table(
        builder,
        {2: ("offset", offsets(builder, [picture])), 3: ("offset", offsets(builder, tensors))},
    )
    root = table(builder, {3: ("offset", offsets(builder, [subgraph]))})
    builder.Finish(root, file_identifier=b"M001")
    return bytes(builder.Output())


def tensor_table(builder, tensor: Tensor) -> int:
    quantization = 0
    if tensor.scale:
        quantization = table(
            builder,
            {
                2: ("offset", floats(builder, [tensor.scale])),
                3: ("offset", integers(builder, [tensor.zero_point], 8)),
            },
        )
    return table(
        builder,
        {
            0: ("offset", integers(builder, tensor.shape)),
            1: ("int8", TYPES[tensor.dtype]),
            2: ("uint32", 0),
            3: ("offset", builder.CreateString(tensor.name)),
            4: ("offset", quantization),
            7: ("offset", integers(builder, tensor.signature) if tensor.signature else 0),
        },
    )


def table(builder, fields: dict) -> int:
    builder.StartObject(max(fields, default=-1) + 1)
    add = {
        "offset": builder.PrependUOffsetTRelativeSlot,
        "int8": builder.PrependInt8Slot,
        "uint8": builder.PrependUint8Slot,
        "int32": builder.PrependInt32Slot,
        "uint32": builder.PrependUint32Slot,
    }
    for slot, (kind, value) in fields.items():
        add[kind](slot, value, 0)
    return builder.EndObject()


def offsets(builder, items: list) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return builder.EndVector()


def integers(builder, items, size: int = 4) -> int:
    builder.StartVector(size, len(items), size)
    for item in reversed(items):
        (builder.PrependInt64 if size == 8 else builder.PrependInt32)(item)
    return builder.EndVector()


def floats(builder, items) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependFloat32(item)
    return builder.EndVector()
