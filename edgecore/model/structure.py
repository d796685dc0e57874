"""Whether every offset of a model file stays within it, for engines that follow them unchecked.

What lies behind a file's end differs from process to process: of a model whose offsets lead there
the child that tries it may live, and the caller die.

The tables are those of TFLite's schema, version 3 (tensorflow/lite/schema/schema.fbs).
"""

from collections.abc import Mapping
from typing import TypeAlias

from edgecore.errors import ModelError
from edgecore.model.flatbuffer import Buffer, Table

MAX_TABLES = 1 << 20
"""Of one file, each counted as often as it is named."""

_TEXT = "text"
_Kind: TypeAlias = "int | str | list[str] | tuple[int, Mapping[int, str]]"
"""A vector of items of so many bytes, a text, a table, a vector of tables, or a union: the field
that says which, and the tables by what it says."""

_SPARSE_INDICES = {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"}

# Fields by number, as far as they are no scalars. Of options, those that have such fields.
_FIELDS: Mapping[str, Mapping[int, _Kind]] = {
    "Model": {
        1: ["OperatorCode"],
        2: ["SubGraph"],
        3: _TEXT,
        4: ["Buffer"],
        5: 4,
        6: ["Metadata"],
        7: ["SignatureDef"],
        8: ["ExternalBufferGroup"],
        9: ["ExternalBuffer"],
    },
    "OperatorCode": {1: _TEXT},
    "SubGraph": {0: ["Tensor"], 1: 4, 2: 4, 3: ["Operator"], 4: _TEXT},
    "Buffer": {0: 1},
    "Metadata": {0: _TEXT},
    "SignatureDef": {0: ["TensorMap"], 1: ["TensorMap"], 2: _TEXT},
    "TensorMap": {0: _TEXT},
    "ExternalBufferGroup": {0: _TEXT},
    "ExternalBuffer": {4: _TEXT},
    "Tensor": {
        0: 4,
        3: _TEXT,
        4: "QuantizationParameters",
        6: "SparsityParameters",
        7: 4,
        9: ["VariantSubType"],
    },
    "VariantSubType": {0: 4},
    "QuantizationParameters": {
        0: 4,
        1: 4,
        2: 4,
        3: 8,
        5: (4, {1: "CustomQuantization", 2: "BlockwiseQuantization", 3: "MultiAxisQuantization"}),
    },
    "CustomQuantization": {0: 1},
    "BlockwiseQuantization": {3: 4},
    "MultiAxisQuantization": {3: 4},
    "SparsityParameters": {0: 4, 1: 4, 2: ["DimensionMetadata"]},
    "DimensionMetadata": {3: (2, _SPARSE_INDICES), 5: (4, _SPARSE_INDICES)},
    "Uint8Vector": {0: 1},
    "Uint16Vector": {0: 2},
    "Int32Vector": {0: 4},
    "Operator": {
        1: 4,
        2: 4,
        4: (
            3,
            {
                3: "ConcatEmbeddingsOptions",
                8: "FullyConnectedOptions",
                17: "ReshapeOptions",
                30: "SqueezeOptions",
                111: "VarHandleOptions",
                115: "BucketizeOptions",
            },
        ),
        5: 1,
        7: 1,
        8: 4,
        12: (
            11,
            {
                2: "StablehloBroadcastInDimOptions",
                3: "StablehloSliceOptions",
                4: "StablehloConvolutionOptions",
                5: "StablehloCustomCallOptions",
                6: "StablehloReduceOptions",
                7: "StablehloScatterOptions",
                9: "StablehloDynamicSliceOptions",
                10: "StablehloPadOptions",
                12: "StablehloDotGeneralOptions",
                13: "StablehloReduceWindowOptions",
                16: "StablehloGatherOptions",
                17: "StablehloTransposeOptions",
                21: "StableHLOCompositeOptions",
                23: "StablehloCaseOptions",
            },
        ),
    },
    "ConcatEmbeddingsOptions": {1: 4, 2: 4},
    "FullyConnectedOptions": {5: 1},
    "ReshapeOptions": {0: 4},
    "SqueezeOptions": {0: 4},
    "VarHandleOptions": {0: _TEXT, 1: _TEXT},
    "BucketizeOptions": {0: 4},
    "StablehloBroadcastInDimOptions": {0: 8},
    "StablehloSliceOptions": {0: 8, 1: 8, 2: 8},
    "StablehloConvolutionOptions": {
        0: 8, 1: 8, 2: 8, 3: 8, 4: 1, 7: 8, 10: 8, 13: 8, 16: 4
    },
    "StablehloCustomCallOptions": {0: _TEXT, 2: _TEXT, 4: 4, 5: 1},
    "StablehloReduceOptions": {0: 8},
    "StablehloScatterOptions": {1: 8, 2: 8, 3: 8},
    "StablehloDynamicSliceOptions": {0: 8},
    "StablehloPadOptions": {0: 8, 1: 8, 2: 8},
    "StablehloDotGeneralOptions": {0: 8, 1: 8, 2: 8, 3: 8, 4: 4},
    "StablehloReduceWindowOptions": {0: 8, 1: 8, 2: 8, 3: 8, 4: 8},
    "StablehloGatherOptions": {0: 8, 1: 8, 2: 8, 4: 8},
    "StablehloTransposeOptions": {0: 8},
    "StableHLOCompositeOptions": {0: _TEXT, 2: 1},
    "StablehloCaseOptions": {0: 4},
}  # fmt: skip


def check(data: Buffer) -> None:
    """Return if every table, vector and text that a TFLite model may have lies within `data`.

    Raises:
        ModelError: one does not, or there are more than MAX_TABLES tables.
    """
    left = MAX_TABLES
    waiting = [(Table.root(data), "Model")]
    while waiting:
        table, name = waiting.pop()
        table.check()
        for field, kind in _FIELDS.get(name, {}).items():
            if isinstance(kind, int):
                table.span(field, kind)
            elif kind == _TEXT:
                table.check_text(field)
            elif isinstance(kind, list):
                _, count = table.span(field, 4)
                left -= count
                if left < 0:
                    raise ModelError(f"damaged: more than {MAX_TABLES} tables")
                waiting += [(inner, kind[0]) for inner in table.tables(field)]
            elif (one := table.table(field)) is not None:
                left -= 1
                which = kind if isinstance(kind, str) else kind[1].get(table.scalar(kind[0], "B"))
                waiting.append((one, which or ""))
