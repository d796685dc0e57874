"""The C objects of one compiled model: its compilation, and a buffer for every tensor."""

import weakref
from ctypes import byref, c_int, c_size_t, c_uint32, c_void_p
from dataclasses import dataclass
from typing import Any, Literal

from edgecore.engines import litert_api
from edgecore.engines.litert_api import LiteRt, TensorType
from edgecore.engines.protocol import TensorSpec
from edgecore.engines.vendors import Target
from edgecore.errors import EngineError

READ, WRITE = 0, 1

_ELEMENT_TYPES = {
    "float32": 1, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9,
    "float16": 10, "float64": 11, "uint64": 13, "uint32": 16, "uint16": 17,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Side:
    """A model's inputs or its outputs, in the graph's order.

    `places` are their indices among the file's tensors, by which the order of a signature, which
    is how LiteRT counts them, is told from the graph's.
    """

    kind: Literal["Input", "Output"]
    places: tuple[int, ...]
    tensors: tuple[TensorSpec, ...]


class Compilation:
    """A model compiled for a target, and the memory of its inputs and outputs.

    Args:
        model: the file's bytes, which LiteRT reads in place.
        target: where it is to run.
        inputs, outputs: its tensors, of the shapes they are to have.
        shapes: of those inputs that are resized.

    Attributes:
        inputs, outputs: the LiteRtTensorBuffer of each tensor, in the graph's order.

    Raises:
        LiteRtError: LiteRT cannot compile the model there, or not with these shapes.
        EngineError: a tensor that LiteRT has no buffer for.
    """

    def __init__(
        self,
        model: bytes,
        target: Target,
        inputs: Side,
        outputs: Side,
        shapes: dict[int, tuple[int, ...]],
    ) -> None:
        api = self._api = litert_api.api()
        self._environment = litert_api.environment(target.hardware, target.plugins, target.dispatch)
        self._made: list[tuple[str, int]] = []
        weakref.finalize(self, _destroy, api, self._made, model).atexit = False
        source = self._own("Model", "CreateModelFromBuffer", self._environment, model, len(model))
        orders = [self._order(source, side) for side in (inputs, outputs)]
        options = api.options(target.hardware, target.options)
        self._made.append(("Options", options))
        self._pointer = self._own(
            "CompiledModel", "CreateCompiledModel", self._environment, source, options
        )
        for index, shape in shapes.items():
            slot = orders[0].index(inputs.places[index])
            sides = (c_int * len(shape))(*shape)
            api.call("CompiledModelResizeInputTensor", self._pointer, 0, slot, sides, len(shape))
        self.inputs, self.outputs = (
            [
                self._buffer(side.kind, order.index(place), tensor)
                for place, tensor in zip(side.places, side.tensors, strict=True)
            ]
            for side, order in zip((inputs, outputs), orders, strict=True)
        )
        self._arguments: list[Any] = []
        for side, order, buffers in zip(
            (inputs, outputs), orders, (self.inputs, self.outputs), strict=True
        ):
            sorted_buffers = [buffers[side.places.index(place)] for place in order]
            self._arguments += [len(order), (c_void_p * len(order))(*sorted_buffers)]

    def run(self) -> None:
        """Run the model once, to its end; ctypes lets go of the GIL meanwhile.

        On a GPU the call only queues the work, and the first to read an output waits for it.
        """
        self._api.call("RunCompiledModel", self._pointer, 0, *self._arguments)
        self.lock(self.outputs[0], READ)
        self.unlock(self.outputs[0])

    def lock(self, buffer: int, mode: int) -> int:
        """The address of a buffer's memory for READ or WRITE, good until `unlock`."""
        address = c_void_p()
        self._api.call("LockTensorBuffer", buffer, byref(address), mode)
        return address.value or 0

    def unlock(self, buffer: int) -> None:
        """Give the memory back."""
        self._api.call("UnlockTensorBuffer", buffer)

    def _own(self, kind: str, name: str, *arguments: Any) -> int:
        pointer = self._api.make(name, *arguments)
        self._made.append((kind, pointer))
        return pointer

    def _order(self, model: int, side: Side) -> list[int]:
        """The places of a side's tensors as the first signature has them."""
        signature = self._api.make("GetModelSignature", model, 0)
        count = self._api.ask(c_size_t, f"GetNumSignature{side.kind}s", signature)
        get = f"GetSignature{side.kind}TensorByIndex"
        tensors = [self._api.make(get, signature, slot) for slot in range(count)]
        order = [int(self._api.ask(c_uint32, "GetTensorIndex", tensor)) for tensor in tensors]
        if sorted(order) != sorted(side.places):
            raise EngineError(
                f"the first signature has other {side.kind.lower()}s than the graph: "
                f"expected tensors {sorted(side.places)}, got {sorted(order)}"
            )
        return order

    def _buffer(self, kind: str, slot: int, tensor: TensorSpec) -> int:
        """A buffer of the kind the accelerator likes best, at least as large as the tensor."""
        if tensor.dtype not in _ELEMENT_TYPES or len(tensor.shape) > litert_api.MAX_RANK:
            raise EngineError(
                f"tensor {tensor.name!r}: expected numbers of at most {litert_api.MAX_RANK} "
                f"dimensions, got {tensor.dtype} {tensor.shape}"
            )
        api = self._api
        needs = api.make(f"GetCompiledModel{kind}BufferRequirements", self._pointer, 0, slot)
        best = api.ask(c_int, "GetTensorBufferRequirementsSupportedTensorBufferType", needs, 0)
        asked = api.ask(c_size_t, "GetTensorBufferRequirementsBufferSize", needs)
        ranked = TensorType.of(_ELEMENT_TYPES[tensor.dtype], tensor.shape)
        size = max(asked, tensor.size_bytes)
        arguments = (self._environment, best, byref(ranked), size)
        return self._own("TensorBuffer", "CreateManagedTensorBuffer", *arguments)


def _destroy(api: LiteRt, made: list[tuple[str, int]], model: bytes) -> None:
    """Last made, first destroyed; `model` is kept for so long."""
    for kind, pointer in reversed(made):
        api.destroy(kind, pointer)
