"""Raw head tensors to detections."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgecore import _native
from edgecore.decoding.grids import centernet, fomo
from edgecore.decoding.ssd import AnchoredHead, ssd
from edgecore.decoding.tensors import Quantization, Tensors
from edgecore.decoding.yolo import dfl, end_to_end, yolo, yolox
from edgecore.detections import Detections
from edgecore.heads import (
    BlazeFace,
    CenterNet,
    EndToEnd,
    Fomo,
    Head,
    Ssd,
    SsdRaw,
    YoloV5,
    YoloV8,
    YoloV8Dfl,
    YoloX,
)
from edgecore.suppression import check_selection

_Reader: TypeAlias = "Callable[[_native.HeadDecoder, Tensors, _native.Choice], _native._Found]"

_READERS: dict[type, Callable[..., Any]] = {
    CenterNet: centernet,
    EndToEnd: end_to_end,
    Fomo: fomo,
    Ssd: ssd,
    YoloV5: yolo,
    YoloV8: yolo,
    YoloV8Dfl: dfl,
    YoloX: yolox,
}
_MOST = 2**32 - 1
_DIGITS = tuple(str(number) for number in range(1000))
_MOST_CLASSES = 1 << 20


def check_score_threshold(score_threshold: float) -> None:
    """Raises ValueError unless it lies in [0, 1]."""
    if not 0.0 <= score_threshold <= 1.0:
        raise ValueError(f"score_threshold: expected a number in [0, 1], got {score_threshold!r}")


def _reader(head: Head) -> _Reader:
    if isinstance(head, SsdRaw | BlazeFace):
        return AnchoredHead(head)
    read = _READERS.get(type(head))
    if read is None:
        raise TypeError(f"head: expected one of edgecore.heads, got {type(head).__name__}")

    return lambda native, tensors, choice: read(native, head, tensors, choice)


def _listed(name: str, category: Sequence[int]) -> list[int]:
    listed = list(category)
    for number in listed:
        if not isinstance(number, int | np.integer) or not 0 <= number < _MOST_CLASSES:
            raise ValueError(f"{name}: expected class ids of 0 or more, got {number!r}")
    return [int(number) for number in listed]


def make_choice(
    score_threshold: float,
    iou_threshold: float,
    max_detections: int,
    class_agnostic: bool = False,
    multi_label: bool = False,
    category_allowlist: Sequence[int] | None = None,
    category_denylist: Sequence[int] | None = None,
) -> _native.Choice:
    """The arguments of `decode` that say what to keep, checked, as the kernels take them."""
    check_selection(iou_threshold, max_detections)
    check_score_threshold(score_threshold)
    if category_allowlist is not None and category_denylist is not None:
        raise ValueError("category_allowlist and category_denylist: expected one at most, got both")
    listed = _listed("category_denylist", category_denylist or ())
    if category_allowlist is not None:
        listed = _listed("category_allowlist", category_allowlist)
    return _native.Choice(
        score_threshold,
        iou_threshold,
        min(max_detections, _MOST),
        class_agnostic,
        multi_label,
        listed,
        category_allowlist is not None,
    )


class Decoder:
    """One head's decoder: the memory it needs is kept from one call to the next.

    Calls from several threads wait for one another.

    Args:
        head: what the outputs mean.
        labels: name of each class id; one that has none is named by its digits.
    """

    def __init__(self, head: Head, labels: Sequence[str] = ()) -> None:
        self.head = head
        self._labels = labels or _DIGITS
        self._read = _reader(head)
        self._native = _native.HeadDecoder()
        self._seen: dict[int, Any] = {}

    def __call__(
        self,
        outputs: Sequence[NDArray[np.generic]],
        quantization: Quantization | None,
        choice: _native.Choice,
    ) -> Detections:
        """Detections in pixels of the model's input. See `edgecore.decode`."""
        tensors = Tensors(outputs, quantization, self._seen)
        xyxy, confidence, class_id, keypoints, truncated = self._read(self._native, tensors, choice)
        names = self._names(class_id.tolist())
        return Detections(xyxy, confidence, class_id, names, truncated, None, keypoints)

    def _names(self, numbers: list[int]) -> list[str]:
        labels = self._labels
        try:
            if not numbers or min(numbers) >= 0:
                return [labels[number] for number in numbers]
        except IndexError:
            pass
        count = len(labels)
        return [labels[n] if 0 <= n < count else str(n) for n in numbers]


_equal_heads_decoder = lru_cache(maxsize=16)(Decoder)
_choice = lru_cache(maxsize=16)(make_choice)
_latest: tuple[Head, Decoder] | None = None


def _decoder(head: Head) -> Decoder:
    global _latest
    latest = _latest
    if (
        latest is None or latest[0] is not head
    ):  # hashing a head costs more than reading a small one
        latest = _latest = (head, _equal_heads_decoder(head))
    return latest[1]


def decode(
    outputs: Sequence[NDArray[np.generic]],
    head: Head,
    quantization: Quantization | None = None,
    *,
    score_threshold: float = 0.25,
    iou_threshold: float = 0.45,
    max_detections: int = 300,
    class_agnostic: bool = False,
    multi_label: bool = False,
    category_allowlist: Sequence[int] | None = None,
    category_denylist: Sequence[int] | None = None,
) -> Detections:
    """Detections of a model's raw output tensors, in pixels of the model's input.

    One candidate for each anchor, of its best class (ties: the lower id), with confidence >=
    score_threshold, then `edgecore.nms` by class. Heads whose model has suppressed already (Ssd,
    EndToEnd) or whose boxes do not overlap (Fomo, CenterNet) are only ranked; iou_threshold is not
    used. A value q of an integer tensor is (q - zero_point) * scale, in float32. Boxes are not
    clipped to the picture; one with a NaN or infinite coordinate or a NaN confidence is left out,
    one of negative size becomes empty.

    Args:
        outputs: the model's outputs in their order: C-contiguous float32, int8 or uint8.
        head: what they mean, one of `edgecore.heads`.
        quantization: (scale, zero point) of each output; needed where one is int8 or uint8.
        score_threshold: unitless, in [0, 1].
        iou_threshold: unitless, in [0, 1].
        max_detections: at least 1; `truncated` says whether it left any out.
        class_agnostic: boxes of all classes suppress each other.
        multi_label: a candidate for each class of an anchor that reaches the threshold.
        category_allowlist: class ids; others do not take part.
        category_denylist: class ids that do not take part; not together with the other list.

    Raises:
        TypeError: wrong dtype or layout; nothing is converted.
        ValueError: a shape that is not the head's, missing quantisation, a threshold out of range.

    Exactness: identical on every instruction set.
    """
    choice = _choice(
        score_threshold,
        iou_threshold,
        max_detections,
        class_agnostic,
        multi_label,
        None if category_allowlist is None else tuple(category_allowlist),
        None if category_denylist is None else tuple(category_denylist),
    )
    return _decoder(head)(outputs, quantization, choice)
