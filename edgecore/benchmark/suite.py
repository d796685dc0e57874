"""The kernels, as `edgecore bench` measures them: on every instruction set, in turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgecore import heads, isa
from edgecore.benchmark import boxes, pixels, tensors
from edgecore.benchmark.cold import shortfall
from edgecore.benchmark.race import Entrant, Race, arithmetic
from edgecore.benchmark.result import Result, result
from edgecore.decoding import decode
from edgecore.preprocessing import Preprocessor
from edgecore.suppression import nms

Made: TypeAlias = tuple[Callable[[Any], object], Sequence[Any]]


@dataclass(frozen=True)
class Job:
    """One job, its input, and what does it; made when it is run."""

    group: str
    name: str
    make: Callable[[], Made]

    def run(self, seconds: float) -> list[Result]:
        """The time on every instruction set, in turns."""
        call, inputs = self.make()
        entrants = [Entrant(name, call, partial(isa.pinned, name)) for name in isa.available()]
        return _raced(self.group, self.name, entrants, inputs, seconds)


def jobs() -> list[Job]:
    """All that need no model."""
    return [*_preprocessing(), *_suppression(), *_heads()]


def yardsticks(seconds: float) -> list[Result]:
    """A copy of a 1080p NV12 frame and a loop of arithmetic: what the machine gives others."""
    source = np.zeros(1920 * 1080 * 3 // 2, np.uint8)
    target = np.empty_like(source)
    entrants = [
        Entrant("copy of 3.1 MB", lambda _: np.copyto(target, source)),
        Entrant("arithmetic loop", arithmetic),
    ]
    return [
        row._replace(job=row.variant, variant="any")
        for row in _raced("yardsticks", "", entrants, [None], seconds)
    ]


def _raced(
    group: str, name: str, entrants: list[Entrant], inputs: Sequence[Any], seconds: float
) -> list[Result]:
    race = Race(entrants, inputs, seconds)
    for _ in range(race.rounds):
        race.round()
    return [result(group, name, one.name, one.samples_us) for one in entrants if one.samples_us]


def _preprocessing() -> Iterator[Job]:
    from_memory = "cold" if shortfall() is None else "warm"
    for cold, interpolation in ((False, "bilinear"), (True, "bilinear"), (False, "area")):
        for workload in (*pixels.WORKLOADS, *pixels.CAMERA_WORKLOADS):
            name = f"{workload.title}, {interpolation}, {from_memory if cold else 'hot'}"
            yield Job("preprocess", name, _preprocessor(workload, interpolation, cold))


def _preprocessor(workload: pixels.Workload, interpolation: str, cold: bool) -> Callable[[], Made]:
    def make() -> Made:
        plan = Preprocessor(workload.size, **workload.options(interpolation))
        out = np.empty((*workload.size, 3), workload.dtype)
        given = [workload.frame(data) for data in pixels.frames(workload, cold)]
        return lambda frame: plan(frame, out), given

    return make


def _suppression() -> Iterator[Job]:
    def call(given: boxes.Boxes) -> object:
        return nms(*given, iou_threshold=boxes.IOU_THRESHOLD)

    def make(generate: Callable[[int], boxes.Boxes], n: int) -> Made:
        return call, [generate(n)]

    for n in boxes.COUNTS:
        for kind, generate in boxes.KINDS.items():
            yield Job("NMS", f"{n:,} boxes, {kind}", partial(make, generate, n))


def _heads() -> Iterator[Job]:
    yield Job("heads", "YOLOv8 float32 1x84x8400", partial(_yolov8, int8=False))
    yield Job("heads", "YOLOv8 int8 1x84x8400", partial(_yolov8, int8=True))
    yield Job("heads", "SSD raw float32 1917x91", partial(_ssd, int8=False))
    yield Job("heads", "SSD raw int8 1917x91", partial(_ssd, int8=True))


def _yolov8(int8: bool) -> Made:
    head = heads.YoloV8(tensors.YOLO_CLASSES, tensors.YOLO_SIZE)
    real = tensors.yolov8()
    raw = tensors.quantized(real) if int8 else real
    return _decoder(head, [tensors.YOLO_QUANTIZATION]), [[raw]]


def _ssd(int8: bool) -> Made:
    head = tensors.ssd_head()
    codes, logits = tensors.ssd()
    quantization = [tensors.SSD_BOX_QUANTIZATION, tensors.SSD_SCORE_QUANTIZATION]
    raw: list[npt.NDArray[Any]] = [codes, logits]
    if int8:
        raw = [tensors.quantized(*pair) for pair in zip(raw, quantization, strict=True)]
    return _decoder(head, quantization), [raw]


def _decoder(head: Any, quantization: list[tuple[float, int]]) -> Callable[[Any], object]:
    return lambda raw: decode(
        raw,
        head,
        quantization,
        score_threshold=tensors.SCORE_THRESHOLD,
        iou_threshold=tensors.IOU_THRESHOLD,
        max_detections=tensors.MAX_DETECTIONS,
    )
