"""Private: the kernels of csrc/vision. Arguments are checked by the public modules."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

MAX_SIDE: int
SUBPIXELS: int

# Boxes, confidence, class ids, keypoints, and whether the bound left any out.
_Found: TypeAlias = tuple[
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.int32],
    NDArray[np.float32] | None,
    bool,
]
_Grids: TypeAlias = Sequence[tuple[int, int, float]]
_Quantized: TypeAlias = tuple[NDArray[np.generic], float, int]

def nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_id: NDArray[np.integer] | None,
    score_threshold: float,
    iou_threshold: float,
    max_detections: int | None,
) -> NDArray[np.int64] | None:
    """Indices of the kept boxes, or None where an argument cannot be used."""

def first_invalid_box(boxes: NDArray[np.float32]) -> int: ...

class _Pybind11Type(type): ...

class FrameLayout(metaclass=_Pybind11Type):
    def __init__(self, format: str, width: int, height: int) -> None: ...
    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """Rows, columns and channels of each plane."""

    def packed(self, data: object) -> tuple[NDArray[np.uint8], ...] | None:
        """Views of the planes in memory that has them without gaps; None for other data."""

class BoundedSelection(metaclass=_Pybind11Type):
    def __init__(
        self, score_threshold: float, iou_threshold: float, max_results: int, max_candidates: int
    ) -> None: ...

# Indices, scores, what the variant makes of each row, and whether a bound was hit.
_Selected: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], bool]

def diou_nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_id: NDArray[np.int64] | None,
    bounds: BoundedSelection,
) -> _Selected: ...
def rotated_nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_id: NDArray[np.int64] | None,
    bounds: BoundedSelection,
) -> _Selected: ...
def soft_nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_id: NDArray[np.int64] | None,
    bounds: BoundedSelection,
    gaussian: bool,
    sigma: float,
) -> _Selected: ...
def weighted_nms(
    rows: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_id: NDArray[np.int64] | None,
    bounds: BoundedSelection,
) -> _Selected: ...

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

class Choice(metaclass=_Pybind11Type):
    def __init__(
        self,
        score_threshold: float,
        iou_threshold: float,
        max_results: int,
        class_agnostic: bool,
        multi_label: bool,
        listed: Sequence[int],
        allows_listed: bool,
    ) -> None: ...

class Anchored(metaclass=_Pybind11Type):
    def __init__(
        self,
        anchors: NDArray[np.float32],
        classes: int,
        background: int,
        sigmoid: bool,
        coder_scale: Sequence[float],
        exponential_size: bool,
        y_first: bool,
        keypoints: int,
        x_scale: float,
        y_scale: float,
    ) -> None: ...

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
        choice: Choice,
    ) -> _Found: ...
    def yolox(self, tensor: _Quantized, grids: _Grids, classes: int, choice: Choice) -> _Found: ...
    def dfl(
        self,
        boxes: Sequence[_Quantized],
        scores: Sequence[_Quantized],
        grids: _Grids,
        boxes_step: int,
        scores_step: int,
        scores_start: int,
        bins: int,
        classes: int,
        choice: Choice,
    ) -> _Found: ...
    def end_to_end(
        self, tensor: _Quantized, rows: int, x_scale: float, y_scale: float, choice: Choice
    ) -> _Found: ...
    def ssd(
        self,
        boxes: _Quantized,
        classes: _Quantized,
        scores: _Quantized,
        count: int,
        width: float,
        height: float,
        choice: Choice,
    ) -> _Found: ...
    def anchored(
        self,
        boxes: Sequence[_Quantized],
        scores: Sequence[_Quantized],
        counts: Sequence[int],
        head: Anchored,
        choice: Choice,
    ) -> _Found: ...
    def cells(
        self,
        tensor: _Quantized,
        rows: int,
        columns: int,
        classes: int,
        x_scale: float,
        y_scale: float,
        joined: bool,
        choice: Choice,
    ) -> _Found: ...
    def peaks(
        self,
        heatmap: _Quantized,
        offset: _Quantized,
        size: _Quantized,
        rows: int,
        columns: int,
        classes: int,
        x_scale: float,
        y_scale: float,
        sigmoid: bool,
        y_first: bool,
        choice: Choice,
    ) -> _Found: ...

def isa_available() -> list[str]:
    """Sets this machine can run, best first."""

def isa_active() -> str:
    """The set in use."""

def isa_force(name: str) -> None:
    """Use this set from now on."""

class ThreadPool(metaclass=_Pybind11Type):
    """Threads that share the rows of a tensor."""

    def __init__(self, threads: int) -> None:
        """The caller's thread is one of them."""

class PreprocessBatch(metaclass=_Pybind11Type):
    """Plans for many regions of a frame."""

    def __init__(self, plan: PreprocessPlan) -> None:
        """For its frames and options."""
    def run(
        self,
        planes: tuple[NDArray[np.uint8], ...],
        regions: NDArray[np.int32],
        out: Any,
        pool: ThreadPool | None = None,
    ) -> bool:
        """Fill the array `out` with a tensor of each region, edges in 1 / SUBPIXELS pixels that lie
        inside the frame; False if it is not such an array."""

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
    def unmap(self, boxes: Any) -> NDArray[np.float32] | None:
        """Boxes of the tensor, float32 (n, 4), as boxes of the frame; None if they are not such."""
    def run(
        self, planes: tuple[NDArray[np.uint8], ...], out: Any, pool: ThreadPool | None = None
    ) -> bool:
        """Fill the array `out` from the planes of a frame; False if it is not such an array."""

class Tracker(metaclass=_Pybind11Type):
    def __init__(
        self,
        high_threshold: float,
        low_threshold: float,
        lost_ns: int,
        min_sightings: int,
        class_aware: bool,
    ) -> None: ...
    def update(
        self,
        xyxy: NDArray[np.float32],
        confidence: NDArray[np.float32],
        class_id: NDArray[np.int32],
        t_ns: int,
    ) -> NDArray[np.int32]:
        """Tracker ids, -1 for none; columns must be of one length."""

    def clear(self) -> None: ...
    def tracks(self) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.bool_]]:
        """Ids, boxes and whether each is lost, of the confirmed tracks."""

    def state(self) -> tuple[int, int, NDArray[np.int64], NDArray[np.float64]]:
        """Newest time, next id, (n, 5) whole numbers and (n, 20) of the motion of each track."""

    def restore(
        self,
        newest_ns: int,
        next_id: int,
        whole: NDArray[np.int64],
        motion: NDArray[np.float64],
    ) -> None: ...

def assign(gains: NDArray[np.int32]) -> NDArray[np.int32]:
    """The column of each row, -1 for none, of the pairing of largest total gain."""
