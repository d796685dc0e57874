"""The TFLite interpreter of either engine, with its tensor memory used in place."""

from collections.abc import Callable
from typing import Any

import numpy as np

from edgecore.engines.protocol import TensorSpec
from edgecore.engines.tensor_view import VIEW_ALIVE, TensorView
from edgecore.errors import EngineError


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
        check_shape(index, tuple(int(size) for size in detail["shape_signature"]), shape)
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
            raise EngineError(VIEW_ALIVE)

    def _describe(self) -> None:
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        self._inputs = tuple(spec(detail) for detail in inputs)
        self._outputs = tuple(spec(detail) for detail in outputs)
        self._input_memory = [self._interpreter.tensor(detail["index"]) for detail in inputs]
        self._output_memory = [self._interpreter.tensor(detail["index"]) for detail in outputs]
        self._shapes_unsettled = True


def check_shape(index: int, signature: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Raise ValueError unless `shape` differs from `signature` only where that has -1."""
    if len(shape) != len(signature) or min(shape, default=1) < 1:
        raise ValueError(f"input {index} needs {len(signature)} positive dimensions, got {shape}")
    if any(fixed not in (-1, size) for fixed, size in zip(signature, shape, strict=True)):
        raise ValueError(f"input {index} is {signature} where -1 is free, got {shape}")


def spec(detail: dict[str, Any]) -> TensorSpec:
    """What an interpreter's details say of a tensor."""
    quantization = detail["quantization_parameters"]
    per_tensor = len(quantization["scales"]) == 1
    return TensorSpec(
        name=detail["name"],
        shape=tuple(int(size) for size in detail["shape"]),
        dtype=np.dtype(detail["dtype"]).name,
        scale=float(quantization["scales"][0]) if per_tensor else 0.0,
        zero_point=int(quantization["zero_points"][0]) if per_tensor else 0,
    )
