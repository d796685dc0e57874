"""NumPy for the tensor, a Rust or C++ suppression for the boxes: what a careful engineer writes.

Thresholds are compared in the raw domain, only candidates are dequantised and decoded.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np

from bench.peers.heads.found import Decoder, Found, SsdJob, YoloJob
from edgecore.benchmark.boxes import Boxes
from edgecore.benchmark.tensors import SCORE_THRESHOLD, SSD_CODER, SSD_SIZE, YOLO_SIZE

NAME, VERSION = "numpy", np.__version__
LOGIT_THRESHOLD = float(np.log(SCORE_THRESHOLD / (1 - SCORE_THRESHOLD)))

Suppress = Callable[[Boxes], np.ndarray]


def yolo_candidates(job: YoloJob) -> Boxes:
    scores = job.raw[0, 4:]
    best = scores.max(axis=0)
    chosen = np.flatnonzero(best >= _level(SCORE_THRESHOLD, job.scale, job.zero_point))
    class_id = scores[:, chosen].argmax(axis=0)
    confidence = _real(best[chosen], job.scale, job.zero_point)
    height, width = YOLO_SIZE
    cx, cy, w, h = _real(job.raw[0, :4, chosen], job.scale, job.zero_point).T
    half_w, half_h = w * np.float32(width / 2), h * np.float32(height / 2)
    cx, cy = cx * np.float32(width), cy * np.float32(height)
    xyxy = np.stack([cx - half_w, cy - half_h, cx + half_w, cy + half_h], axis=1)
    return Boxes(xyxy, confidence, class_id)


def ssd_candidates(job: SsdJob) -> Boxes:
    scores = job.logits[0, :, 1:]
    best = scores.max(axis=1)
    chosen = np.flatnonzero(best >= _level(LOGIT_THRESHOLD, *job.logit_quantization))
    class_id = scores[chosen].argmax(axis=1)
    confidence = 1 / (1 + np.exp(-_real(best[chosen], *job.logit_quantization)))
    ty, tx, th, tw = _real(job.codes[0, chosen], *job.code_quantization).T
    ay, ax, ah, aw = job.anchors[chosen].T
    y_scale, x_scale, h_scale, w_scale = (np.float32(one) for one in SSD_CODER)
    cy, cx = ty / y_scale * ah + ay, tx / x_scale * aw + ax
    half_h, half_w = np.exp(th / h_scale) * ah * 0.5, np.exp(tw / w_scale) * aw * 0.5
    xyxy = np.stack([cx - half_w, cy - half_h, cx + half_w, cy + half_h], axis=1)
    height, width = SSD_SIZE
    return Boxes(xyxy * np.array([width, height] * 2, np.float32), confidence, class_id)


def yolo_decoders() -> list[Decoder]:
    return [Decoder(name, _with(yolo_candidates, call)) for name, call in _suppressions().items()]


def ssd_decoders() -> list[Decoder]:
    return [Decoder(name, _with(ssd_candidates, call)) for name, call in _suppressions().items()]


def _with(candidates: Callable[..., Boxes], suppress: Suppress) -> Callable[..., Found]:
    def call(job: YoloJob | SsdJob) -> Found:
        boxes = candidates(job)
        kept = suppress(boxes)
        return Found(*(part[kept] for part in boxes))

    return call


def _suppressions() -> dict[str, Suppress]:
    """Every quick suppression at hand."""
    found: dict[str, Suppress] = {}
    for name in ("powerboxes", "lsnms", "onnxruntime", "torchvision_ops", "opencv"):
        try:
            module = importlib.import_module(f"bench.peers.boxes.{name}")
        except ImportError:
            continue
        found[module.NAME] = module.suppressors()[0].call
    return found


def _level(threshold: float, scale: float, zero_point: int) -> np.float32:
    """The smallest raw value whose real one reaches the threshold, as far as floats tell."""
    return np.float32(threshold / scale + zero_point)


def _real(raw: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    if raw.dtype == np.float32:
        return raw
    return (raw.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
