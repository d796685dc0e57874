"""FFmpeg's swscale through PyAV. Its bilinear is antialiased: as wide as the reduction."""

from __future__ import annotations

from collections.abc import Callable

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from bench.peers.pixels.tensor import Chain, Tensor, crop_box
from edgecore.benchmark.pixels import Workload

NAME, VERSION = "swscale", f"PyAV {av.__version__}"
EXACT = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
FLAGS = {
    "bilinear": {
        "fast_bilinear": Interpolation.FAST_BILINEAR,
        "bilinear": Interpolation.BILINEAR,
        "bilinear, accurate rounding, full chroma": Interpolation.BILINEAR | EXACT,
    },
    "area": {
        "area": Interpolation.AREA,
        "area, accurate rounding, full chroma": Interpolation.AREA | EXACT,
    },
}
PIXEL_FORMATS = {"nv12": "nv12", "yuyv": "yuyv422", "rgb": "rgb24", "bgr": "bgr24"}


def chains(workload: Workload, interpolation: str) -> list[Chain]:
    return [Chain(name, _scale(workload, flag)) for name, flag in FLAGS[interpolation].items()]


def _scale(workload: Workload, flag: Interpolation) -> Callable[[np.ndarray], np.ndarray]:
    tensor, format = Tensor(workload), PIXEL_FORMATS[workload.format]
    width, height = tensor.size
    left, top, used_w, used_h = crop_box(workload)
    shape = {
        "nv12": (workload.height * 3 // 2, workload.width),
        "yuyv": (workload.height, workload.width, 2),
    }.get(workload.format, (workload.height, workload.width, 3))
    # PyAV wraps NV12 and RGB where they lie; YUYV it can only copy.
    wrap = av.VideoFrame.from_ndarray
    if workload.format != "yuyv":
        wrap = av.VideoFrame.from_numpy_buffer
    reformatter = VideoReformatter()

    def call(data: np.ndarray) -> np.ndarray:
        pixels = data.reshape(shape)
        if workload.fit == "crop":
            pixels = np.ascontiguousarray(pixels[top : top + used_h, left : left + used_w])
        scaled = reformatter.reformat(
            wrap(pixels, format=format),
            width,
            height,
            "rgb24",
            src_colorspace="ITU601",
            dst_colorspace="ITU601",
            src_color_range="MPEG" if workload.format in ("nv12", "yuyv") else "JPEG",
            dst_color_range="JPEG",
            interpolation=flag,
            threads=1,
        )
        plane = scaled.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(height, plane.line_size)
        return tensor.fill(rows[:, : width * 3].reshape(height, width, 3))

    return call
