"""Pillow. It reads no YUV planes; its bilinear is a triangle as wide as the reduction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import PIL
from PIL import Image

from bench.peers.pixels.tensor import Chain, Tensor, crop_box
from edgecore.benchmark.pixels import Workload

NAME, VERSION = "pillow", PIL.__version__
Resampling = Image.Resampling
WAYS: dict[str, dict[str, tuple[Resampling, float | None]]] = {
    "bilinear": {
        "bilinear": (Resampling.BILINEAR, None),
        "bilinear, reducing_gap=1": (Resampling.BILINEAR, 1.0),
    },
    "area": {
        "box": (Resampling.BOX, None),
        "box, reducing_gap=1": (Resampling.BOX, 1.0),
    },
}


def chains(workload: Workload, interpolation: str) -> list[Chain]:
    if workload.format not in ("rgb", "bgr"):
        return []
    return [Chain(name, _resize(workload, *way)) for name, way in WAYS[interpolation].items()]


def _resize(
    workload: Workload, method: Resampling, gap: float | None
) -> Callable[[np.ndarray], np.ndarray]:
    tensor = Tensor(workload)
    left, top, used_w, used_h = crop_box(workload)
    box = left, top, left + used_w, top + used_h
    side, order = (workload.width, workload.height), workload.format.upper()

    def call(data: np.ndarray) -> np.ndarray:
        picture = Image.frombuffer("RGB", side, data, "raw", order, 0, 1)
        small = picture.resize(tensor.size, method, box=box, reducing_gap=gap)
        return tensor.fill(np.asarray(small))

    return call
