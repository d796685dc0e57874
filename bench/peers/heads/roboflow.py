"""supervision: NumPy's candidates as its Detections, then with_nms."""

from __future__ import annotations

from collections.abc import Callable

import supervision

from bench.peers.heads.found import Decoder, Found, SsdJob, YoloJob
from bench.peers.heads.numpy_mix import ssd_candidates, yolo_candidates
from edgecore.benchmark.boxes import Boxes
from edgecore.benchmark.tensors import IOU_THRESHOLD

NAME, VERSION = "supervision", supervision.__version__


def _with_nms(candidates: Callable[..., Boxes]) -> Callable[..., Found]:
    def call(job: YoloJob | SsdJob) -> Found:
        xyxy, confidence, class_id = candidates(job)
        found = supervision.Detections(xyxy, confidence=confidence, class_id=class_id)
        kept = found.with_nms(IOU_THRESHOLD)
        return Found(kept.xyxy, kept.confidence, kept.class_id)

    return call


def yolo_decoders() -> list[Decoder]:
    return [Decoder("with_nms", _with_nms(yolo_candidates))]


def ssd_decoders() -> list[Decoder]:
    return [Decoder("with_nms", _with_nms(ssd_candidates))]
