"""Private: the kernels of csrc/vision. Arguments are checked by the public modules."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

MAX_SIDE: int
SUBPIXELS: int

def plane_shapes(format: str, width: int, height: int) -> list[tuple[int, int, int]]:
    """Rows, columns and channels of each plane."""

_Found: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32], bool]
_Quantized: TypeAlias = tuple[NDArray[np.generic], float, int]

def nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_id: NDArray[np.int64] | None,
    score_threshold: float,
    iou_threshold: float,
    max_results: int,
) -> tuple[NDArray[np.int64], bool]: ...
def first_invalid_box(boxes: NDArray[np.float32]) -> int: ...

class _Pybind11Type(type): ...

class YoloOrder(metaclass=_Pybind11Type):
    __members__: ClassVar[dict[str, YoloOrder]]
    class_major: ClassVar[YoloOrder]
    anchor_major: ClassVar[YoloOrder]
    anchor_major_objectness: ClassVar[YoloOrder]
    def __init__(self, value: int) -> None: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class HeadDecoder(metaclass=_Pybind11Type):
    def __init__(self) -> None: ...
    def yolo(
        self,
        tensor: _Quantized,
        order: YoloOrder,
        anchors: int,
        classes: int,
        x_scale: float,
        y_scale: float,
        score_threshold: float,
        iou_threshold: float,
        max_results: int,
    ) -> _Found: ...
    def ssd(
        self,
        boxes: _Quantized,
        classes: _Quantized,
        scores: _Quantized,
        count: int,
        width: float,
        height: float,
        score_threshold: float,
        max_results: int,
    ) -> _Found: ...

def isa_available() -> list[str]:
    """Sets this machine can run, best first."""

def isa_active() -> str:
    """The set in use."""

def isa_force(name: str) -> None:
    """Use this set from now on."""

class PreprocessPlan(metaclass=_Pybind11Type):
    """Everything but the pixels."""

    def __init__(
        self,
        *,
        format: str,
        color: str,
        frame_width: int,
        frame_height: int,
        region: Sequence[int],
        width: int,
        height: int,
        fit: str,
        anchor: str,
        quarter_turns: int,
        mirror: bool,
        interpolation: str,
        chroma: str,
        channels: str,
        dtype: str,
        planar: bool,
        mean: Sequence[float],
        std: Sequence[float],
        scale: float,
        zero_point: int,
        pad_value: int,
    ) -> None: ...
    @property
    def placement(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the picture in the model input."""
    @property
    def region(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of what is shown, in 1 / SUBPIXELS pixels of the frame."""
    def run(self, planes: tuple[NDArray[np.uint8], ...], out: Any) -> bool:
        """Fill the array `out` from the planes of a frame; False if it is not such an array."""
