"""Raw head tensors to detections."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgecore import _native
from edgecore.detections import Detections
from edgecore.heads import Head, Ssd, YoloV5, YoloV8
from edgecore.suppression import check_selection

Quantization = Sequence[tuple[float, int]]
_Tensor = tuple[NDArray[np.generic], float, int]
_Found = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32], bool]

_DTYPES = ("float32", "int8", "uint8")
_MOST = 2**32 - 1


def check_score_threshold(score_threshold: float) -> None:
    """Raises ValueError unless it lies in [0, 1]."""
    if not 0.0 <= score_threshold <= 1.0:
        raise ValueError(f"score_threshold: expected a number in [0, 1], got {score_threshold!r}")


def _tensor(
    index: int,
    outputs: Sequence[NDArray[np.generic]],
    quantization: Quantization | None,
    shape: tuple[int | None, ...],
) -> _Tensor:
    """Output `index` with its scale and zero point, checked; None in `shape` is any length."""
    array = outputs[index]
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
        return array, 1.0, 0
    scale, zero_point = (0.0, 0) if quantization is None else quantization[index]
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(
            f"output {index} is {array.dtype}: expected a quantisation scale above 0, "
            f"got {'none' if quantization is None else scale}"
        )
    limits = np.iinfo(array.dtype.name)
    if not limits.min <= zero_point <= limits.max:
        raise ValueError(
            f"output {index}: expected a zero point in {limits.min}..{limits.max} "
            f"for {array.dtype}, got {zero_point}"
        )
    return array, scale, zero_point


def _filled_rows(tensor: _Tensor, n: int) -> int:
    array, scale, zero_point = tensor
    real = (float(array.reshape(-1)[0]) - zero_point) * scale
    if not (math.isfinite(real) and 0 <= round(real) <= n):
        raise ValueError(f"count output: expected 0..{n} filled rows, got {real}")
    return round(real)


class Decoder:
    """One head's decoder: the memory it needs is kept from one call to the next.

    Calls from several threads wait for one another.
    """

    def __init__(self, head: Head) -> None:
        if not isinstance(head, YoloV5 | YoloV8 | Ssd):
            raise TypeError(f"head: expected one of edgecore.heads, got {type(head).__name__}")
        self.head = head
        self._native = _native.HeadDecoder()

    def __call__(
        self,
        outputs: Sequence[NDArray[np.generic]],
        quantization: Quantization | None,
        *,
        score_threshold: float,
        iou_threshold: float,
        max_detections: int,
    ) -> Detections:
        """Detections in pixels of the model's input. See `edgecore.decode`."""
        if hasattr(outputs, "dtype"):
            raise TypeError("outputs: expected a sequence of arrays, got one array")
        check_selection(iou_threshold, max_detections)
        check_score_threshold(score_threshold)
        if quantization is not None and len(quantization) != len(outputs):
            raise ValueError(
                f"quantization: expected {len(outputs)} pairs, one for each output, "
                f"got {len(quantization)}"
            )
        bound = min(max_detections, _MOST)
        if isinstance(self.head, Ssd):
            found = self._ssd(self.head, outputs, quantization, score_threshold, bound)
        else:
            found = self._yolo(
                self.head, outputs, quantization, score_threshold, iou_threshold, bound
            )
        xyxy, confidence, class_id, truncated = found
        names = [str(number) for number in class_id.tolist()]
        return Detections(xyxy, confidence, class_id, names, truncated)

    def _yolo(
        self,
        head: YoloV5 | YoloV8,
        outputs: Sequence[NDArray[np.generic]],
        quantization: Quantization | None,
        score_threshold: float,
        iou_threshold: float,
        bound: int,
    ) -> _Found:
        if len(outputs) != 1:
            raise ValueError(f"outputs: expected 1 for {type(head).__name__}, got {len(outputs)}")
        if isinstance(head, YoloV5):
            order = _native.YoloOrder.anchor_major_objectness
            shape: tuple[int | None, ...] = (1, None, 5 + head.num_classes)
        elif head.transposed:
            order = _native.YoloOrder.anchor_major
            shape = (1, None, 4 + head.num_classes)
        else:
            order = _native.YoloOrder.class_major
            shape = (1, 4 + head.num_classes, None)
        tensor = _tensor(0, outputs, quantization, shape)
        anchors = tensor[0].shape[shape.index(None)]
        height, width = head.input_size if head.normalized else (1, 1)
        return self._native.yolo(
            tensor,
            order,
            anchors,
            head.num_classes,
            width,
            height,
            score_threshold,
            iou_threshold,
            bound,
        )

    def _ssd(
        self,
        head: Ssd,
        outputs: Sequence[NDArray[np.generic]],
        quantization: Quantization | None,
        score_threshold: float,
        bound: int,
    ) -> _Found:
        last = max(head.boxes, head.classes, head.scores, head.count or 0)
        if last >= len(outputs):
            raise ValueError(f"outputs: {head} reads output {last}, got {len(outputs)} outputs")
        boxes = _tensor(head.boxes, outputs, quantization, (1, None, 4))
        n = boxes[0].shape[1]
        classes = _tensor(head.classes, outputs, quantization, (1, n))
        scores = _tensor(head.scores, outputs, quantization, (1, n))
        filled = n
        if head.count is not None:
            filled = _filled_rows(_tensor(head.count, outputs, quantization, (1,)), n)
        height, width = head.input_size
        return self._native.ssd(
            boxes, classes, scores, filled, width, height, score_threshold, bound
        )


@lru_cache(maxsize=16)
def _decoder(head: Head) -> Decoder:
    return Decoder(head)


def decode(
    outputs: Sequence[NDArray[np.generic]],
    head: Head,
    quantization: Quantization | None = None,
    *,
    score_threshold: float = 0.25,
    iou_threshold: float = 0.45,
    max_detections: int = 300,
) -> Detections:
    """Detections of a model's raw output tensors, in pixels of the model's input.

    YOLO heads: one candidate for each anchor, of its best class (ties: the lower id), with
    confidence >= score_threshold, then `edgecore.nms` by class. SSD: the rows that the model kept,
    with confidence >= score_threshold; iou_threshold is not used. A value q of an integer tensor
    is (q - zero_point) * scale, in float32. Boxes are not clipped to the picture; one with a NaN
    or infinite coordinate or a NaN confidence is left out, one of negative size becomes empty.

    Args:
        outputs: the model's outputs in their order: C-contiguous float32, int8 or uint8.
        head: what they mean, one of `edgecore.heads`.
        quantization: (scale, zero point) of each output; needed where one is int8 or uint8.
        score_threshold: unitless, in [0, 1].
        iou_threshold: unitless, in [0, 1].
        max_detections: at least 1; `truncated` says whether it left any out.

    Raises:
        TypeError: wrong dtype or layout; nothing is converted.
        ValueError: a shape that is not the head's, missing quantisation, a threshold out of range.

    Exactness: identical on every instruction set.
    """
    return _decoder(head)(
        outputs,
        quantization,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        max_detections=max_detections,
    )
