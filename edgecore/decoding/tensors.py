"""A model's outputs as the kernels take them, checked."""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Quantization: TypeAlias = Sequence[tuple[float, int]]
Shape: TypeAlias = tuple[int | None, ...]
Tensor: TypeAlias = tuple[NDArray[np.generic], float, int]

_DTYPES = ("float32", "int8", "uint8")
_NO_PAIR = (0.0, 0)


class Tensors:
    """One call's outputs.

    Args:
        outputs: arrays in the model's order.
        quantization: scale and zero point of each, or None.
        seen: what was found usable by a call before, by index; a tensor like that is not looked
            into again.
    """

    __slots__ = ("outputs", "quantization", "seen")

    def __init__(
        self,
        outputs: Sequence[NDArray[np.generic]],
        quantization: Quantization | None,
        seen: dict[int, Any],
    ) -> None:
        if hasattr(outputs, "dtype"):
            raise TypeError("outputs: expected a sequence of arrays, got one array")
        if quantization is not None and len(quantization) != len(outputs):
            raise ValueError(
                f"quantization: expected {len(outputs)} pairs, one for each output, "
                f"got {len(quantization)}"
            )
        self.outputs = outputs
        self.quantization = quantization
        self.seen = seen

    def __len__(self) -> int:
        return len(self.outputs)

    def expect(self, count: int, head: object) -> None:
        """Raises ValueError unless there are `count` outputs."""
        if len(self.outputs) != count:
            name = type(head).__name__
            raise ValueError(f"outputs: expected {count} for {name}, got {len(self.outputs)}")

    def get(self, index: int, shape: Shape) -> Tensor:
        """Output `index` with its scale and zero point, checked; None in `shape` is any length."""
        array = self.outputs[index]
        pair = _NO_PAIR if self.quantization is None else self.quantization[index]
        known = self.seen.get(index)
        if (
            known is not None
            and isinstance(array, np.ndarray)
            and array.dtype is known[0]
            and array.shape == known[1]
            and pair == known[2]
            and shape == known[3]
            and array.flags.c_contiguous
        ):
            return array, known[4], known[5]
        scale, zero_point = _checked(index, array, pair, self.quantization is None, shape)
        self.seen[index] = (array.dtype, array.shape, pair, shape, scale, zero_point)
        return array, scale, zero_point

    def shape(self, index: int, what: object) -> tuple[int, ...]:
        """Shape of output `index`; ValueError where there is none."""
        if index >= len(self.outputs):
            raise ValueError(f"outputs: {what} reads output {index}, got {len(self)} outputs")
        array = self.outputs[index]
        if not isinstance(array, np.ndarray):
            raise TypeError(f"output {index}: expected an ndarray, got {type(array).__name__}")
        return array.shape


def _checked(
    index: int,
    array: NDArray[np.generic],
    pair: tuple[float, int],
    unquantized: bool,
    shape: Shape,
) -> tuple[float, int]:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"output {index}: expected an ndarray, got {type(array).__name__}")
    if array.dtype.name not in _DTYPES:
        raise TypeError(f"output {index}: expected {', '.join(_DTYPES)}, got {array.dtype}")
    fits = array.ndim == len(shape) and all(
        want in (None, got) for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("n" if side is None else str(side) for side in shape)
        raise ValueError(f"output {index}: expected shape ({wanted}), got {array.shape}")
    if not array.flags.c_contiguous:
        raise TypeError(f"output {index}: expected C-contiguous, got strides {array.strides}")
    if array.dtype == np.float32:
        return 1.0, 0
    scale, zero_point = pair
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(
            f"output {index} is {array.dtype}: expected a quantisation scale above 0, "
            f"got {'none' if unquantized else scale}"
        )
    limits = np.iinfo(array.dtype.name)
    if not limits.min <= zero_point <= limits.max:
        raise ValueError(
            f"output {index}: expected a zero point in {limits.min}..{limits.max} "
            f"for {array.dtype}, got {zero_point}"
        )
    return scale, zero_point
