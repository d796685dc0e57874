"""The parts of a .tflite file that facts are read from, with its structure checked on the way."""

import math
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edgecore.errors import ModelError
from edgecore.model.flatbuffer import Buffer, Table

MAX_FILE_BYTES = 1 << 31

_IDENTIFIER = b"TFL3"
_CUSTOM = 32
_TYPES = {
    0: ("float32", 4), 1: ("float16", 2), 2: ("int32", 4), 3: ("uint8", 1), 4: ("int64", 8),
    5: ("string", 0), 6: ("bool", 1), 7: ("int16", 2), 8: ("complex64", 8), 9: ("int8", 1),
    10: ("float64", 8), 11: ("complex128", 16), 12: ("uint64", 8), 13: ("resource", 0),
    14: ("variant", 0), 15: ("uint32", 4), 16: ("uint16", 2), 17: ("int4", 0),
    18: ("bfloat16", 2), 19: ("int2", 0), 20: ("uint4", 0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as the file declares it; `shape` has -1 where the size is open."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0

    @property
    def levels(self) -> tuple[int, int] | None:
        """Lowest and highest stored value of an 8-bit integer tensor, None for others."""
        return {"uint8": (0, 255), "int8": (-128, 127)}.get(self.dtype)


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator: its builtin code, its name where it is custom, and its tensors."""

    code: int
    custom: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: bytes


@dataclass(frozen=True, slots=True)
class Graph:
    """The main subgraph of a model file."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    description: str = ""
    metadata: dict[str, bytes] = field(default_factory=dict)

    @property
    def custom_operators(self) -> tuple[str, ...]:
        """Names of the custom operators, each once, in order of use."""
        return tuple(dict.fromkeys(op.custom for op in self.operators if op.custom))


@contextmanager
def mapped(path: str | Path) -> Iterator[mmap.mmap]:
    """The file's bytes, mapped read-only.

    Raises:
        ModelError: missing, a directory, not readable, empty or larger than MAX_FILE_BYTES.
    """
    if os.path.isdir(path):
        raise ModelError(f"{path} is a directory, not a model file")
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not size:
                raise ModelError(f"{path} is empty")
            if size > MAX_FILE_BYTES:
                raise ModelError(f"{path} has {size} bytes; at most {MAX_FILE_BYTES} are taken")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield data
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such model file") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def parse(data: Buffer) -> Graph:
    """The graph in `data`.

    Raises:
        ModelError: not a TFLite model, or one whose structure is damaged; the text says where.
    """
    if len(data) < 16 or data[4:8] != _IDENTIFIER:
        raise ModelError(
            f"not a TFLite model: bytes 4 to 8 should be {_IDENTIFIER!r}, got {data[4:8]!r}"
        )
    model = Table.root(data)
    codes = [
        (max(code.scalar(0, "b"), code.scalar(3, "i")), code.text(1)) for code in model.tables(1)
    ]
    buffers = [_buffer_size(table, len(data)) for table in model.tables(4)]
    subgraphs = model.tables(2)
    if not subgraphs:
        raise ModelError("damaged: the model has no subgraph")
    tensors, operators = [], []
    for subgraph in reversed(subgraphs):  # ends with the main one, which comes first in the file
        tensors = [_tensor(i, table, buffers) for i, table in enumerate(subgraph.tables(0))]
        operators = [_operator(table, codes, len(tensors)) for table in subgraph.tables(3)]
    inputs, outputs = subgraphs[0].integers(1), subgraphs[0].integers(2)
    _check_indices("graph input or output", (*inputs, *outputs), 0, len(tensors))
    if not inputs or not outputs:
        raise ModelError(f"damaged: the graph has {len(inputs)} inputs, {len(outputs)} outputs")
    return Graph(
        inputs=tuple(tensors[i] for i in inputs),
        outputs=tuple(tensors[i] for i in outputs),
        operators=tuple(operators),
        description=model.text(3),
        metadata=_metadata(model),
    )


def _tensor(index: int, table: Table, buffers: list[int]) -> Tensor:
    name = table.text(3)
    stored, open_shape = table.integers(0), table.integers(7)
    code = table.scalar(1, "b")
    if code not in _TYPES:
        raise ModelError(f"damaged: tensor {index} {name!r} has unknown type {code}")
    dtype, item_size = _TYPES[code]
    if any(size < 0 for size in stored) or any(size < -1 for size in open_shape):
        raise ModelError(f"damaged: tensor {index} {name!r} has shape {stored} {open_shape}")
    if open_shape and len(open_shape) != len(stored):
        raise ModelError(f"damaged: tensor {index} {name!r} has shapes {stored} and {open_shape}")
    buffer = table.scalar(2, "I")
    if buffer >= len(buffers) and buffers:
        raise ModelError(f"damaged: tensor {index} {name!r} has buffer {buffer} of {len(buffers)}")
    held = buffers[buffer] if buffers else 0
    needed = math.prod(stored) * item_size
    sparse = table.table(6) is not None
    if held and item_size and not sparse and held < needed:
        raise ModelError(f"damaged: tensor {index} {name!r} needs {needed} bytes, has {held}")
    scale, zero_point = _quantization(table.table(4))
    return Tensor(index, name, open_shape or stored, dtype, scale, zero_point)


def _quantization(table: Table | None) -> tuple[float, int]:
    if table is None:
        return 0.0, 0
    scales, zero_points = table.numbers(2, "f"), table.integers(3, "q")
    if len(scales) != 1 or not math.isfinite(scales[0]) or scales[0] <= 0:
        return 0.0, 0
    return scales[0], zero_points[0] if zero_points else 0


def _operator(table: Table, codes: list[tuple[int, str]], tensor_count: int) -> Operator:
    opcode = table.scalar(0, "I")
    if opcode >= len(codes):
        raise ModelError(f"damaged: an operator has code {opcode} of {len(codes)}")
    code, custom = codes[opcode]
    inputs, outputs = table.integers(1), table.integers(2)
    _check_indices("operator", (*inputs, *outputs), -1, tensor_count)
    options = table.raw(5) if code == _CUSTOM else b""
    return Operator(code, custom if code == _CUSTOM else "", inputs, outputs, options)


def _check_indices(what: str, indices: tuple[int, ...], lowest: int, count: int) -> None:
    wrong = [index for index in indices if not lowest <= index < count]
    if wrong:
        raise ModelError(f"damaged: {what} names tensor {wrong[0]} of {count}")


def _buffer_size(table: Table, file_size: int) -> int:
    _, inline = table.span(0, 1)
    offset, size = table.scalar(1, "Q"), table.scalar(2, "Q")
    if offset > 1 and offset + size > file_size:
        raise ModelError(f"damaged: a buffer ends at byte {offset + size} of {file_size}")
    return inline or (size if offset > 1 else 0)


def _metadata(model: Table) -> dict[str, bytes]:
    entries = model.tables(6)
    if not entries:
        return {}
    buffers = model.tables(4)
    found: dict[str, bytes] = {}
    for entry in entries:
        buffer = entry.scalar(1, "I")
        if buffer < len(buffers):
            found.setdefault(entry.text(0), buffers[buffer].raw(0))
    return found
