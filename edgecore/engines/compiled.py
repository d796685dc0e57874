"""A model compiled by LiteRT for an NPU or GPU, run through the C API without the GIL."""

import weakref
from collections.abc import Callable
from ctypes import c_uint8
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgecore.engines.accelerator import FAILED, MODEL_NOT_TAKEN, Accelerator
from edgecore.engines.compilation import READ, WRITE, Compilation, Side
from edgecore.engines.interpreter import check_shape, spec
from edgecore.engines.litert_api import NOT_COMPILED, LiteRtError
from edgecore.engines.protocol import TensorSpec
from edgecore.engines.tensor_view import VIEW_ALIVE, TensorView
from edgecore.engines.vendors import REST, Target
from edgecore.errors import EngineError


class CompiledEngine:
    """`Engine` over a LiteRtCompiledModel.

    What the tensors are is asked of a plain interpreter of the same model, which also refuses a
    damaged file, where a compiled model would crash. It runs the model once: the outputs of a
    TFLite_Detection_PostProcess have no size before that, and a compiled model gives them four
    bytes and fails, or aborts with outputs of its own.

    Args:
        accelerator: what the user asked for.
        model: the file's bytes.
        target: where it is to run.
        interpreter: makes a plain interpreter of the same bytes.

    Raises:
        AcceleratorError: LiteRT cannot compile or run the model there.
        RuntimeError, ValueError: from the interpreter, when the model cannot be loaded.
    """

    name = "litert"

    def __init__(
        self, accelerator: Accelerator, model: bytes, target: Target, interpreter: Callable[[], Any]
    ) -> None:
        self.accelerator = accelerator.text
        self._model = model
        self._target = target
        self._interpreter = interpreter
        self._lent: weakref.WeakSet[_Lent] = weakref.WeakSet()
        try:
            self._start({})
        except LiteRtError as error:
            if error.status != NOT_COMPILED:
                raise accelerator.refuse(FAILED, str(error)) from error
            more = "" if target.rest else f" whole; {REST}=cpu lets the CPU run what is left over"
            raise accelerator.refuse(MODEL_NOT_TAKEN, f"{error}{more}") from error

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
        check_shape(index, self._signatures[index], shape)
        try:
            self._start({index: shape})
        except (EngineError, RuntimeError, ValueError) as error:
            self._start({})
            raise EngineError(f"input {index} cannot be resized to {shape}: {error}") from error

    def input(self, index: int) -> TensorView:
        """See `Engine.input`."""
        return self._view(self._compilation.inputs[index], self._inputs[index], writeable=True)

    def output(self, index: int) -> TensorView:
        """See `Engine.output`."""
        return self._view(self._compilation.outputs[index], self._outputs[index], writeable=False)

    def invoke(self) -> None:
        """See `Engine.invoke`."""
        self._refuse_while_viewed()
        self._compilation.run()

    def _start(self, shapes: dict[int, tuple[int, ...]]) -> None:
        plain = self._interpreter()
        details = plain.get_input_details()
        self._signatures = [tuple(map(int, detail["shape_signature"])) for detail in details]
        for index, shape in shapes.items():
            plain.resize_tensor_input(details[index]["index"], shape)
        plain.allocate_tensors()
        plain.invoke()
        inputs = _side("Input", plain.get_input_details())
        outputs = _side("Output", plain.get_output_details())
        self._inputs, self._outputs = inputs.tensors, outputs.tensors
        self._compilation = Compilation(self._model, self._target, inputs, outputs, shapes)

    def _view(self, buffer: int, tensor: TensorSpec, writeable: bool) -> TensorView:
        return TensorView(
            partial(self._lock, buffer, tensor, WRITE if writeable else READ),
            tensor.name,
            writeable,
            release=partial(self._compilation.unlock, buffer),
        )

    def _lock(self, buffer: int, tensor: TensorSpec, mode: int) -> NDArray[Any]:
        """The buffer's memory; every view of it keeps a token alive that `invoke` looks for."""
        address = self._compilation.lock(buffer, mode)
        memory: Any = (c_uint8 * tensor.size_bytes).from_address(address)
        memory.lent = lent = _Lent(self._compilation)
        self._lent.add(lent)
        array: NDArray[Any] = np.frombuffer(memory, tensor.dtype).reshape(tensor.shape)
        return array

    def _refuse_while_viewed(self) -> None:
        if self._lent:
            raise EngineError(VIEW_ALIVE)


class _Lent:
    """That memory of these buffers is in somebody's hands, who keeps them alive by it."""

    def __init__(self, compilation: Compilation) -> None:
        self.compilation = compilation


def _side(kind: Literal["Input", "Output"], details: list[dict[str, Any]]) -> Side:
    places = tuple(int(detail["index"]) for detail in details)
    return Side(kind, places, tuple(map(spec, details)))
