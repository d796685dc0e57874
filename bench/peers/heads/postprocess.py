"""TFLite_Detection_PostProcess itself, as a model of that one operator, run by an interpreter.

It takes probabilities, so the sigmoid that stands before it in a model is left out of its time. Of
quantised tensors it reads uint8 only, and then wants its anchors in 8 bits too, which moves boxes
by a pixel: int8 tensors are dequantised into it, which is part of the time.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

from bench.peers.heads.found import Decoder, Found, SsdJob
from edgecore import engines
from edgecore.benchmark.tensors import (
    IOU_THRESHOLD,
    MAX_DETECTIONS,
    SCORE_THRESHOLD,
    SSD_CLASSES,
    SSD_CODER,
    SSD_SIZE,
    quantized,
)
from edgecore.errors import EngineError
from tests.runtime.model_files import CUSTOM, POSTPROCESS, File, Operator, Tensor, build

try:
    ENGINE = engines.choose()
except EngineError as reason:
    raise ImportError(str(reason)) from reason


def _version() -> str:
    package = {"litert": "ai-edge-litert", "tflite": "tflite-runtime"}[ENGINE]
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package


NAME, VERSION = "TFLite_Detection_PostProcess", _version()
PROBABILITY = (1 / 256, -128)


def ssd_decoders() -> list[Decoder]:
    note = "without the sigmoid before it"
    return [
        Decoder("fast", _Operator(regular=False), note),
        Decoder("regular", _Operator(regular=True), note),
    ]


def yolo_decoders() -> list[Decoder]:
    return []


class _Operator:
    def __init__(self, regular: bool) -> None:
        self._regular = regular
        self._engine: Any = None
        self._job: SsdJob | None = None
        self._scores = np.empty(0)

    def __call__(self, job: SsdJob) -> Found:
        if self._job is not job:
            self._prepare(job)
        for index, raw, quantization in (
            (0, job.codes, job.code_quantization),
            (1, self._scores, PROBABILITY),
        ):
            with self._engine.input(index) as array:
                if raw.dtype == np.int8:
                    scale, zero = quantization
                    np.subtract(raw, np.float32(zero), out=array)
                    np.multiply(array, np.float32(scale), out=array)
                else:
                    array[...] = raw
        self._engine.invoke()
        outputs = []
        for index in range(4):
            with self._engine.output(index) as array:
                outputs.append(np.array(array))
        boxes, classes, scores, count = outputs
        filled = int(count[0])
        height, width = SSD_SIZE
        xyxy = boxes[0, :filled][:, [1, 0, 3, 2]] * np.array([width, height] * 2, np.float32)
        return Found(xyxy, scores[0, :filled], classes[0, :filled].astype(np.int64))

    def _prepare(self, job: SsdJob) -> None:
        scale, zero = job.logit_quantization
        real = job.logits.astype(np.float32)
        if job.logits.dtype == np.int8:
            real = (real - zero) * np.float32(scale)
        self._scores = (1 / (1 + np.exp(-real))).astype(np.float32)
        if job.logits.dtype == np.int8:
            self._scores = quantized(self._scores, PROBABILITY)
        self._engine = engines.load(_model(job, self._regular), ENGINE)
        with self._engine.input(2) as array:
            array[...] = job.anchors
        self._job = job


def _model(job: SsdJob, regular: bool) -> bytes:
    y_scale, x_scale, h_scale, w_scale = SSD_CODER
    whole = {
        "max_detections": MAX_DETECTIONS,
        "max_classes_per_detection": 1,
        "detections_per_class": MAX_DETECTIONS,
        "num_classes": SSD_CLASSES,
    }
    real = {
        "nms_score_threshold": SCORE_THRESHOLD,
        "nms_iou_threshold": IOU_THRESHOLD,
        "y_scale": y_scale,
        "x_scale": x_scale,
        "h_scale": h_scale,
        "w_scale": w_scale,
    }
    options = flexbuffers.Builder()
    with options.Map():
        for key, value in whole.items():
            options.Key(key)
            options.Int(value)
        for key, number in real.items():
            options.Key(key)
            options.Float(number)
        options.Key("use_regular_nms")
        options.Bool(regular)
    tensors = [
        Tensor(job.codes.shape, "float32", "codes"),
        Tensor(job.logits.shape, "float32", "scores"),
        Tensor(job.anchors.shape, "float32", "anchors"),
        *(Tensor((), "float32", name) for name in ("boxes", "classes", "scores_out", "count")),
    ]
    operator = Operator((0, 1, 2), (3, 4, 5, 6), CUSTOM, POSTPROCESS, bytes(options.Finish()))
    return build(File(tensors, (0, 1, 2), (3, 4, 5, 6), [operator]))
