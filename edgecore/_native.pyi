"""Private: the kernels of csrc/vision. Arguments are checked by the public modules."""

from collections.abc import Sequence
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

MAX_SIDE: int

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

class YoloOrder(Enum):
    class_major = 0
    anchor_major = 1
    anchor_major_objectness = 2

class HeadDecoder:
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

class PreprocessPlan:
    """Everything but the pixels."""

    def __init__(
        self,
        *,
        format: str,
        color: str,
        frame_width: int,
        frame_height: int,
        width: int,
        height: int,
        fit: str,
        anchor: str,
        interpolation: str,
        chroma: str,
        channels: str,
        dtype: str,
        mean: Sequence[float],
        std: Sequence[float],
        scale: float,
        zero_point: int,
        pad_value: int,
    ) -> None: ...
    @property
    def placement(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the picture in the model input."""
    def run(self, planes: Sequence[NDArray[np.uint8]], out: NDArray[Any]) -> None:
        """Fill the contiguous array `out` from the planes of a frame."""
