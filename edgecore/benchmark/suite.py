"""What `edgecore bench` measures: kernels on every instruction set, and a model."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from edgecore import heads, isa
from edgecore.benchmark import boxes, pixels, tensors
from edgecore.benchmark.race import Entrant, Race, arithmetic
from edgecore.decoding import decode
from edgecore.frame import Frame
from edgecore.preprocessing import Preprocessor
from edgecore.suppression import nms
from edgecore.synthetic import rgb_to_nv12

if TYPE_CHECKING:
    from edgecore.detector import Detector

Made: TypeAlias = tuple[Callable[[Any], object], Sequence[Any]]

MODEL_FRAME = (1280, 720)
WARM_UP = 3


class Result(NamedTuple):
    """The time of one job on one instruction set, stage or engine."""

    group: str
    job: str
    variant: str
    median_us: float
    iqr_us: float
    turns: int


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
        Result("yardsticks", result.variant, "any", *result[3:])
        for result in _raced("yardsticks", "", entrants, [None], seconds)
    ]


def detection(path: Path | None, engine: str, num_threads: int, seconds: float) -> list[Result]:
    """Stages of `Detector.detect` on a seeded 720p NV12 frame, by the wall's clock.

    Args:
        path: TFLite file; None: the embedded model.
        engine: as `Detector.from_file` takes it.
        num_threads: of the engine.
        seconds: about how long to measure.
    """
    from edgecore.detector import Detector

    detector = Detector.from_file(path, engine=engine, num_threads=num_threads)
    width, height = MODEL_FRAME
    frame = Frame(rgb_to_nv12(pixels.picture(width, height)), width, height, "nv12")
    name = f"{'embedded model' if path is None else path.name}, {width}x{height} NV12 frame"
    stages = _stages(detector, frame, seconds)
    return [
        Result("detection", name, stage, *_summary([ms * 1000 for ms in times]))
        for stage, times in stages.items()
    ]


def _stages(detector: Detector, frame: Frame, seconds: float) -> dict[str, list[float]]:
    spent: dict[str, list[float]] = {"preprocess": [], "invoke": [], "postprocess": []}
    for _ in range(WARM_UP):
        detector.detect(frame)
    while len(spent["invoke"]) < 3 or sum(map(sum, spent.values())) < seconds * 1000:
        timings = detector.detect(frame).timings
        spent["preprocess"].append(timings.preprocess_ms)
        spent["invoke"].append(timings.invoke_ms)
        spent["postprocess"].append(timings.postprocess_ms)
    return spent


def _summary(samples: list[float]) -> tuple[float, float, int]:
    low, middle, high = statistics.quantiles(samples, n=4, method="inclusive")
    return middle, high - low, len(samples)


def _raced(
    group: str, name: str, entrants: list[Entrant], inputs: Sequence[Any], seconds: float
) -> list[Result]:
    race = Race(entrants, inputs, seconds)
    for _ in range(race.rounds):
        race.round()
    return [Result(group, name, variant, *timing) for variant, timing in race.timings().items()]


def _preprocessing() -> Iterator[Job]:
    for cold, interpolation in ((False, "bilinear"), (True, "bilinear"), (False, "area")):
        for workload in (*pixels.WORKLOADS, *pixels.CAMERA_WORKLOADS):
            name = f"{workload.title}, {interpolation}, {'cold' if cold else 'hot'}"
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
