"""libyuv's chains, through ctypes: the system's libyuv.so (Debian: apt-get install libyuv0).

Its RGB24 is B, G, R in memory and its RAW is R, G, B. Statuses are not looked at: the race compares
every chain's answer with the definition before it is timed. Float values come from NumPy, which was
quicker than libyuv's own ByteToFloat.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.peers.pixels.tensor import Chain, Tensor, crop_box
from edgecore.benchmark.pixels import Workload

_FOUND = ctypes.util.find_library("yuv")
if _FOUND is None:
    raise ImportError("no libyuv.so on this system: apt-get install libyuv0")
_YUV = ctypes.CDLL(_FOUND)
NAME = "libyuv"
FILTER = {"bilinear": 2, "area": 3}
ARGB = 4


def _version() -> str:
    """From the file name behind the library's link: libyuv.so.0.0.1857."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        found = re.search(r"libyuv\.so[.\d]*\.(\d+)$", line)
        if found:
            return found[1]
    return str(_FOUND)


VERSION = _version()


def chains(workload: Workload, interpolation: str) -> list[Chain]:
    made = {
        "nv12": {
            "NV12Scale, NV12ToRAW": _nv12_half_chroma,
            "planes to full size, I444ToRAW": _nv12_full_chroma,
            "NV12ToARGB, ARGBScale, ARGBToRAW": _through_argb,
        },
        "yuyv": {
            "YUY2ToI422, planes to full size, I444ToRAW": _yuyv_full_chroma,
            "YUY2ToARGB, ARGBScale, ARGBToRAW": _through_argb,
        },
        "rgb": {"RAWToARGB, ARGBScale, ARGBToRAW": _through_argb, "RGBScale": _rgb_scale},
        "bgr": {"RGB24ToARGB, ARGBScale, ARGBToRAW": _through_argb},
    }[workload.format]
    return [Chain(name, make(workload, FILTER[interpolation])) for name, make in made.items()]


Call = Callable[[np.ndarray], np.ndarray]


class _Plane:
    """A buffer of a chain's own, its address looked up once: (pointer, bytes a row, w, h)."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.at = ctypes.c_void_p(array.ctypes.data)
        self.stride = array.strides[0]
        self.source = self.at, self.stride
        self.sized = self.at, self.stride, array.shape[1], array.shape[0]


def _plane(height: int, width: int, bytes_a_pixel: int = 1) -> _Plane:
    shape = (height, width) if bytes_a_pixel == 1 else (height, width, bytes_a_pixel)
    return _Plane(np.empty(shape, np.uint8))


def _at(address: int) -> ctypes.c_void_p:
    return ctypes.c_void_p(address)


def _nv12_half_chroma(workload: Workload, filtering: int) -> Call:
    """Scales NV12 to NV12: half the chroma resolution that the model input could have."""
    tensor, width, height = Tensor(workload), workload.width, workload.height
    out_w, out_h = tensor.size
    luma, chroma = _plane(out_h, out_w), _plane(out_h // 2, out_w // 2, 2)
    picture = _Plane(tensor.picture)

    def call(data: np.ndarray) -> np.ndarray:
        y = data.ctypes.data
        uv = y + width * height
        _YUV.NV12Scale(
            *(_at(y), width, _at(uv), width, width, height),
            *(*luma.source, *chroma.source, out_w, out_h, filtering),
        )
        _YUV.NV12ToRAW(*luma.source, *chroma.source, *picture.source, out_w, out_h)
        return tensor.fill(tensor.picture)

    return call


def _nv12_full_chroma(workload: Workload, filtering: int) -> Call:
    """Both planes at the size of the picture, then the colours."""
    tensor, width, height = Tensor(workload), workload.width, workload.height
    out_w, out_h = tensor.size
    luma, chroma = _plane(out_h, out_w), _plane(out_h, out_w, 2)
    u, v = _plane(out_h, out_w), _plane(out_h, out_w)
    picture = _Plane(tensor.picture)

    def call(data: np.ndarray) -> np.ndarray:
        y = data.ctypes.data
        uv = y + width * height
        _YUV.ScalePlane(_at(y), width, width, height, *luma.sized, filtering)
        _YUV.UVScale(_at(uv), width, width // 2, height // 2, *chroma.sized, filtering)
        _YUV.SplitUVPlane(*chroma.source, *u.source, *v.source, out_w, out_h)
        _YUV.I444ToRAW(*luma.source, *u.source, *v.source, *picture.source, out_w, out_h)
        return tensor.fill(tensor.picture)

    return call


def _yuyv_full_chroma(workload: Workload, filtering: int) -> Call:
    tensor, width, height = Tensor(workload), workload.width, workload.height
    out_w, out_h = tensor.size
    whole = [_plane(height, width), _plane(height, width // 2), _plane(height, width // 2)]
    small = [_plane(out_h, out_w) for _ in range(3)]
    picture = _Plane(tensor.picture)
    planes = [part for plane in whole for part in plane.source]

    def call(data: np.ndarray) -> np.ndarray:
        _YUV.YUY2ToI422(_at(data.ctypes.data), width * 2, *planes, width, height)
        for large, reduced in zip(whole, small, strict=True):
            _YUV.ScalePlane(*large.sized, *reduced.sized, filtering)
        y, u, v = small
        _YUV.I444ToRAW(*y.source, *u.source, *v.source, *picture.source, out_w, out_h)
        return tensor.fill(tensor.picture)

    return call


def _through_argb(workload: Workload, filtering: int) -> Call:
    """Four bytes a pixel first, as libyuv's scaler likes it; the last step puts R first."""
    tensor, width, height = Tensor(workload), workload.width, workload.height
    out_w, out_h = tensor.size
    left, top, used_w, used_h = crop_box(workload)
    whole, small = _plane(used_h, used_w, ARGB), _plane(out_h, out_w, ARGB)
    picture = _Plane(tensor.picture)
    convert, bytes_a_pixel = {
        "nv12": (_YUV.NV12ToARGB, 1),
        "yuyv": (_YUV.YUY2ToARGB, 2),
        "rgb": (_YUV.RAWToARGB, 3),
        "bgr": (_YUV.RGB24ToARGB, 3),
    }[workload.format]
    stride = width * bytes_a_pixel
    start = top * stride + left * bytes_a_pixel

    def call(data: np.ndarray) -> np.ndarray:
        first = data.ctypes.data + start
        source = [_at(first), stride]
        if workload.format == "nv12":
            source += [_at(first + width * height), width]
        convert(*source, *whole.source, used_w, used_h)
        _YUV.ARGBScale(*whole.sized, *small.sized, filtering)
        _YUV.ARGBToRAW(*small.source, *picture.source, out_w, out_h)
        return tensor.fill(tensor.picture)

    return call


def _rgb_scale(workload: Workload, filtering: int) -> Call:
    tensor, width, height = Tensor(workload), workload.width, workload.height
    picture = _Plane(tensor.picture)
    out_w, out_h = tensor.size

    def call(data: np.ndarray) -> np.ndarray:
        source = _at(data.ctypes.data), width * 3, width, height
        _YUV.RGBScale(*source, *picture.source, out_w, out_h, filtering)
        return tensor.fill(tensor.picture)

    return call
