"""kornia-rs. Its fused preprocessor reads RGB and BGR only and gives planar float32."""

from __future__ import annotations

from collections.abc import Callable

import kornia_rs
import numpy as np
from kornia_rs import imgproc

from bench.peers.pixels.tensor import Chain, Tensor, crop_box
from edgecore.benchmark.pixels import Workload

Call = Callable[[np.ndarray], np.ndarray]
NAME, VERSION = "kornia-rs", kornia_rs.__version__


def chains(workload: Workload, interpolation: str) -> list[Chain]:
    if interpolation != "bilinear":
        return []
    if workload.format == "nv12":
        return [Chain("rgb_from_nv12, resize", _yuv(workload, imgproc.rgb_from_nv12))]
    if workload.format == "yuyv":
        return [Chain("rgb_from_yuyv, resize", _yuv(workload, imgproc.rgb_from_yuyv))]
    return [Chain("resize", _resize(workload)), Chain("fused, planar", _fused(workload))]


def _yuv(workload: Workload, convert: Callable[..., np.ndarray]) -> Call:
    tensor = Tensor(workload)
    width, height = tensor.size

    def call(data: np.ndarray) -> np.ndarray:
        rgb = convert(data.reshape(-1), workload.width, workload.height)
        return tensor.fill(imgproc.resize(rgb, (height, width), "bilinear", False))

    return call


def _resize(workload: Workload) -> Call:
    tensor = Tensor(workload)
    width, height = tensor.size

    def call(data: np.ndarray) -> np.ndarray:
        small = imgproc.resize(_part(workload, data), (height, width), "bilinear", False)
        return tensor.fill(small[..., ::-1] if workload.format == "bgr" else small)

    return call


def _fused(workload: Workload) -> Call:
    """On a CPU it leaves BGR as it is: mean and std go in reversed, and the planes come out so."""
    order = -1 if workload.format == "bgr" else 1
    mean = np.broadcast_to(workload.values.get("mean", 0.0), 3)[::order] / 255
    std = np.broadcast_to(workload.values["std"], 3)[::order] / 255
    mode = "letterbox" if workload.fit == "letterbox" else "stretch"
    plan = kornia_rs.Preprocessor(mode=mode, format="rgb", mean=mean.tolist(), std=std.tolist())
    _, _, used_w, used_h = crop_box(workload)

    def call(data: np.ndarray) -> np.ndarray:
        pixels = _part(workload, data).reshape(-1)
        return plan.run(pixels, used_w, used_h, *workload.size).numpy()[0, ::order]

    return call


def _part(workload: Workload, data: np.ndarray) -> np.ndarray:
    left, top, used_w, used_h = crop_box(workload)
    frame = data.reshape(workload.height, workload.width, 3)
    return np.ascontiguousarray(frame[top : top + used_h, left : left + used_w])
