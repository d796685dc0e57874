"""The TFLite interpreter of either engine, with its tensor memory used in place."""

from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecore.engines.protocol import TensorSpec
from edgecore.errors import EngineError

_VIEW_ALIVE = "a view of a tensor is still alive; leave its `with` block and drop its slices first"


class TensorView:
    """A tensor's memory for the length of a `with` block; the address is taken on entry.

    What the block gets is a view of a view. On exit the outer one is emptied, so that a name
    still bound to it holds nothing, while a slice made from it keeps the inner one, and with it
    the interpreter's own reference count, which makes invoke and resize refuse.
    """

    __slots__ = ("_array", "_name", "_take", "_writeable")

    def __init__(self, take: Callable[[], NDArray[Any]], name: str, writeable: bool) -> None:
        self._take = take
        self._name = name
        self._writeable = writeable
        self._array: NDArray[Any] | None = None

    def __enter__(self) -> NDArray[Any]:
        try:
            array = self._take()[...]
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"tensor {self._name!r} has no memory before an invoke") from error
        if not self._writeable:
            array.flags.writeable = False
        self._array = array
        return array

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        array, self._array = self._array, None
        if array is not None:
            emptied: Any = (1, (0,), array.dtype, False, b"")
            array.__setstate__(emptied)


class InterpreterEngine:
    """`Engine` over an `Interpreter` of ai_edge_litert or tflite_runtime.

    `create` makes a new interpreter of the model.

    Raises:
        RuntimeError, ValueError: from the interpreter, when the model cannot be loaded.
    """

    def __init__(self, name: str, accelerator: str, create: Callable[[], Any]) -> None:
        self.name = name
        self.accelerator = accelerator
        self._create = create
        self._shapes_unsettled = True
        self._start()

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """See `Engine.inputs`."""
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """See `Engine.outputs`."""
        return self._outputs

    def resize(self, index: int, shape: tuple[int, ...]) -> None:
        """See `Engine.resize`."""
        self._refuse_while_viewed()
        detail = self._interpreter.get_input_details()[index]
        _check_shape(index, tuple(int(size) for size in detail["shape_signature"]), shape)
        try:
            self._interpreter.resize_tensor_input(detail["index"], shape)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError, MemoryError) as error:
            self._start()
            raise EngineError(f"input {index} cannot be resized to {shape}: {error}") from error
        self._describe()

    def input(self, index: int) -> TensorView:
        """See `Engine.input`."""
        return TensorView(self._input_memory[index], self._inputs[index].name, writeable=True)

    def output(self, index: int) -> TensorView:
        """See `Engine.output`."""
        return TensorView(self._output_memory[index], self._outputs[index].name, writeable=False)

    def invoke(self) -> None:
        """See `Engine.invoke`."""
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            self._refuse_while_viewed()
            raise EngineError(f"{self.name} failed to run the model: {error}") from error
        if self._shapes_unsettled:
            self._describe()
            self._shapes_unsettled = False

    def _start(self) -> None:
        self._interpreter = self._create()
        self._interpreter.allocate_tensors()
        self._describe()

    def _refuse_while_viewed(self) -> None:
        if not self._interpreter._safe_to_run():
            raise EngineError(_VIEW_ALIVE)

    def _describe(self) -> None:
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        self._inputs = tuple(_spec(detail) for detail in inputs)
        self._outputs = tuple(_spec(detail) for detail in outputs)
        self._input_memory = [self._interpreter.tensor(detail["index"]) for detail in inputs]
        self._output_memory = [self._interpreter.tensor(detail["index"]) for detail in outputs]
        self._shapes_unsettled = True


def _check_shape(index: int, signature: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if len(shape) != len(signature) or min(shape, default=1) < 1:
        raise ValueError(f"input {index} needs {len(signature)} positive dimensions, got {shape}")
    if any(fixed not in (-1, size) for fixed, size in zip(signature, shape, strict=True)):
        raise ValueError(f"input {index} is {signature} where -1 is free, got {shape}")


def _spec(detail: dict[str, Any]) -> TensorSpec:
    quantization = detail["quantization_parameters"]
    per_tensor = len(quantization["scales"]) == 1
    return TensorSpec(
        name=detail["name"],
        shape=tuple(int(size) for size in detail["shape"]),
        dtype=np.dtype(detail["dtype"]).name,
        scale=float(quantization["scales"][0]) if per_tensor else 0.0,
        zero_point=int(quantization["zero_points"][0]) if per_tensor else 0,
    )
