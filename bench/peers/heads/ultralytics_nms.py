"""Ultralytics' way with a TFLite output: dequantise all, scale the boxes, non_max_suppression."""

from __future__ import annotations

import numpy as np
import torch
import ultralytics
from ultralytics.utils.nms import non_max_suppression

from bench.peers.heads.found import Decoder, Found, YoloJob
from edgecore.benchmark.tensors import (
    IOU_THRESHOLD,
    MAX_DETECTIONS,
    SCORE_THRESHOLD,
    YOLO_SIZE,
)

torch.set_num_threads(1)
NAME, VERSION = "ultralytics", ultralytics.__version__


def decode(job: YoloJob) -> Found:
    if job.raw.dtype == np.float32:
        real = job.raw.copy()
    else:
        real = (job.raw.astype(np.float32) - job.zero_point) * job.scale
    real[:, [0, 2]] *= YOLO_SIZE[1]
    real[:, [1, 3]] *= YOLO_SIZE[0]
    with torch.inference_mode():
        rows = non_max_suppression(
            torch.from_numpy(real.astype(np.float32, copy=False)),
            SCORE_THRESHOLD,
            IOU_THRESHOLD,
            max_det=MAX_DETECTIONS,
            max_time_img=60.0,
        )[0].numpy()
    return Found(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64))


def yolo_decoders() -> list[Decoder]:
    return [Decoder("non_max_suppression", decode)]


def ssd_decoders() -> list[Decoder]:
    return []
