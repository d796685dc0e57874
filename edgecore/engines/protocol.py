"""What the rest of edgecore asks of an inference engine."""

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output tensor as the engine holds it now.

    A scale of 0 means that the tensor is not quantised; otherwise
    real = scale * (stored - zero_point).
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0

    @property
    def size_bytes(self) -> int:
        """Of its elements, without padding."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What a model runs on, and how that came about.

    Attributes:
        engine: name and version, such as "litert 2.3.0".
        accelerator: in use; a fallback where the first choice could not be had.
        refused: why each accelerator before it could not be had.
        num_threads: CPU threads of the engine.
        threads_ms: where that was chosen by measuring: milliseconds an invoke took by number of
            threads; else empty.
    """

    engine: str
    accelerator: str
    refused: tuple[str, ...] = ()
    num_threads: int = 1
    threads_ms: dict[int, float] = field(default_factory=dict)


class Engine(Protocol):
    """A loaded model that can be invoked. One thread at a time; callers bring their own lock."""

    @property
    def name(self) -> str:
        """The engine's name, as `engines.load` takes it."""
        ...

    @property
    def accelerator(self) -> str:
        """The accelerator in use, which is a fallback if the first choice could not be had."""
        ...

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The input tensors, in the model's order."""
        ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The output tensors, in the model's order; shapes may change with a resize or invoke."""
        ...

    def resize(self, index: int, shape: tuple[int, ...]) -> None:
        """Give input `index` a new shape; every tensor may move and outputs may change shape.

        Raises:
            ValueError: another number of dimensions, one below 1, or one that the model fixes.
            EngineError: the model cannot take this shape, and is as freshly loaded again; or a
                view of a tensor is still alive.
        """
        ...

    def input(self, index: int) -> AbstractContextManager[NDArray[Any]]:
        """The memory of input `index`, writable, for the length of a `with` block.

        The array is emptied when the block ends. A slice of it that outlives the block keeps
        the memory pinned, and `invoke` and `resize` raise until it is dropped.
        """
        ...

    def invoke(self) -> None:
        """Run the model once, with the GIL released.

        Raises:
            EngineError: the engine failed, or a view of a tensor is still alive.
        """
        ...

    def output(self, index: int) -> AbstractContextManager[NDArray[Any]]:
        """The memory of output `index`, read-only, under the same rules as `input`.

        Raises:
            EngineError: on entry, where the tensor has no memory before the first `invoke`.
        """
        ...
