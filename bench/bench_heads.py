"""Raw tensor to detections: YOLOv8 and raw SSD heads, float32 and int8, on seeded tensors.

edgecore's YOLOv8 answer must equal the plain decoder's of tests/reference, to the bit, and its SSD
answer NumPy's with the plain suppression. *agree* is the share of detections that a peer has in
common with edgecore: same class, edges within half a pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

import edgecore
from bench.definition import suppressed
from bench.harness import Row
from bench.peers.heads.found import Decoder, Found, SsdJob, YoloJob
from bench.peers.heads.numpy_mix import ssd_candidates
from bench.targets import HEADS
from edgecore import heads, isa
from edgecore.benchmark import tensors
from edgecore.benchmark.race import Entrant
from tests.reference.heads import yolo as plain_yolo

LIBRARIES = ("numpy_mix", "ultralytics_nms", "roboflow", "postprocess")
LIMITS: Any = {
    "score_threshold": tensors.SCORE_THRESHOLD,
    "iou_threshold": tensors.IOU_THRESHOLD,
    "max_detections": tensors.MAX_DETECTIONS,
}


def agreement(found: Found, wanted: Found) -> float:
    """Detections in both over detections in either."""
    if not len(found.confidence) or not len(wanted.confidence):
        return float(len(found.confidence) == len(wanted.confidence))
    near = np.abs(found.xyxy[:, None] - wanted.xyxy[None]).max(axis=2) < 0.5
    near &= np.asarray(found.class_id)[:, None] == np.asarray(wanted.class_id)[None]
    both = int(near.any(axis=1).sum())
    return both / (len(found.confidence) + len(wanted.confidence) - both)


def compare(
    contest: Any, name: str, job: Any, ours: Callable[[Any], Any], peers: Sequence[Any]
) -> None:
    """Race our decoder with `peers`: (module, decoders) pairs."""
    rows: list[Row] = []
    entrants: list[Entrant] = []
    for isa_name in isa.available():
        label = f"edgecore {isa_name}"
        with isa.pinned(isa_name):
            got = ours(job)
        wanted = Found(got.xyxy, got.confidence, got.class_id)
        rows.append(Row(name, label, None, facts={"detections": len(got)}, role="edgecore"))
        entrants.append(Entrant(label, ours, partial(isa.pinned, isa_name)))
    for module, decoders in peers:
        for decoder in decoders:
            assert isinstance(decoder, Decoder)
            label = f"{module.NAME}: {decoder.name}"
            found = decoder.call(job)
            share = agreement(found, wanted)
            facts: dict[str, float | str] = {
                "detections": len(found.confidence),
                "agree": f"{share:.1%}",
            }
            if decoder.note:
                facts["note"] = decoder.note
            rows.append(Row(name, label, None, facts=facts, accurate=share == 1.0))
            entrants.append(Entrant(label, decoder.call))
    contest(rows, entrants, [job])


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_yolov8(contest: Any, peers: Any, dtype: str) -> None:
    raw: Any = tensors.yolov8()
    quantization = (1.0, 0)
    if dtype == "int8":
        raw, quantization = tensors.quantized(raw), tensors.YOLO_QUANTIZATION
    head = heads.YoloV8(tensors.YOLO_CLASSES, tensors.YOLO_SIZE)

    def ours(job: YoloJob) -> Any:
        return edgecore.decode([job.raw], head, [(job.scale, job.zero_point)], **LIMITS)

    job = YoloJob(raw, *quantization)
    for isa_name in isa.available():
        with isa.pinned(isa_name):
            got = ours(job)
        wanted = plain_yolo(raw, head, *quantization, **LIMITS)
        np.testing.assert_array_equal(got.xyxy, wanted.xyxy, err_msg=isa_name)
        np.testing.assert_array_equal(got.class_id, wanted.class_id, err_msg=isa_name)
    modules = peers("heads", *LIBRARIES)
    compare(contest, HEADS[f"yolov8-{dtype}"], job, ours, [(m, m.yolo_decoders()) for m in modules])


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_ssd(contest: Any, peers: Any, dtype: str) -> None:
    quantization = [(1.0, 0), (1.0, 0)]
    codes: Any
    logits: Any
    codes, logits = tensors.ssd()
    if dtype == "int8":
        quantization = [tensors.SSD_BOX_QUANTIZATION, tensors.SSD_SCORE_QUANTIZATION]
        codes = tensors.quantized(codes, quantization[0])
        logits = tensors.quantized(logits, quantization[1])
    head = tensors.ssd_head()
    anchors = np.ascontiguousarray(head.anchor_boxes()[:, [1, 0, 3, 2]])

    def ours(job: SsdJob) -> Any:
        return edgecore.decode([job.codes, job.logits], head, quantization, **LIMITS)

    job = SsdJob(codes, logits, anchors, *quantization)
    candidates = ssd_candidates(job)
    kept = suppressed(candidates, tensors.IOU_THRESHOLD)
    got, wanted = ours(job), Found(*(part[kept] for part in candidates))
    assert agreement(Found(got.xyxy, got.confidence, got.class_id), wanted) == 1.0
    modules = peers("heads", *LIBRARIES)
    compare(contest, HEADS[f"ssd-{dtype}"], job, ours, [(m, m.ssd_decoders()) for m in modules])
