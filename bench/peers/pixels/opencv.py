"""OpenCV's chains. Tables (cv2.LUT) and addWeighted were the quickest ways to float32 values."""

from __future__ import annotations

import cv2
import numpy as np

from bench.peers.pixels.tensor import Chain, Tensor, crop_box, gain_and_offset, to_values
from edgecore.benchmark.pixels import Workload

cv2.setNumThreads(1)
NAME, VERSION = "opencv", cv2.__version__
INTERPOLATION = {"bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}
BT601_LIMITED = np.array(
    [
        [1.16438, 0.0, 1.59603, -222.921],
        [1.16438, -0.391762, -0.812968, 135.576],
        [1.16438, 2.01723, 0.0, -276.836],
    ]
)


def chains(workload: Workload, interpolation: str) -> list[Chain]:
    flag = INTERPOLATION[interpolation]
    if workload.format == "nv12":
        return [
            Chain("cvtColor, resize", _ConvertFirst(workload, flag, cv2.COLOR_YUV2RGB_NV12)),
            Chain("resize planes, cvtColor", _HalfChroma(workload, flag)),
            Chain("resize planes to full size, transform", _FullChroma(workload, flag)),
            *_blob(workload, interpolation, cv2.COLOR_YUV2RGB_NV12),
        ]
    if workload.format == "yuyv":
        return [Chain("cvtColor, resize", _ConvertFirst(workload, flag, cv2.COLOR_YUV2RGB_YUYV))]
    return [
        Chain("resize", _Resize(workload, flag)),
        *_blob(workload, interpolation, None),
    ]


class _Values:
    """8-bit RGB pictures to tensor values: a table, or a weighted sum where one gain serves all."""

    def __init__(self, workload: Workload) -> None:
        self.tensor = Tensor(workload)
        self._table = None
        self._weight = None
        if workload.dtype == "float32":
            gain, offset = gain_and_offset(workload)
            if np.ndim(gain) or offset.any():
                levels = np.arange(256.0)[None, :, None].repeat(3, 2)
                self._table = to_values(levels, workload).astype(np.float32)
            else:
                self._weight = float(gain)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        inner = self.tensor.inner
        if self._table is not None:
            cv2.LUT(picture, self._table, dst=inner)
        elif self._weight is not None:
            cv2.addWeighted(picture, self._weight, picture, 0, 0, dst=inner, dtype=cv2.CV_32F)
        else:
            return self.tensor.fill(picture)
        return self.tensor.whole


class _ConvertFirst:
    def __init__(self, workload: Workload, flag: int, code: int) -> None:
        self._values = _Values(workload)
        self._flag, self._code = flag, code
        self._rgb = np.empty((workload.height, workload.width, 3), np.uint8)
        self._shape = (
            (workload.height, workload.width, 2)
            if workload.format == "yuyv"
            else (workload.height * 3 // 2, workload.width)
        )

    def __call__(self, data: np.ndarray) -> np.ndarray:
        tensor = self._values.tensor
        cv2.cvtColor(data.reshape(self._shape), self._code, dst=self._rgb)
        cv2.resize(self._rgb, tensor.size, dst=tensor.picture, interpolation=self._flag)
        return self._values(tensor.picture)


class _HalfChroma:
    """Scales NV12 to NV12: half the chroma resolution that the model input could have."""

    def __init__(self, workload: Workload, flag: int) -> None:
        self._values = _Values(workload)
        self._flag, self._height = flag, workload.height
        width, height = self._values.tensor.size
        self._luma = np.empty((height, width), np.uint8)
        self._chroma = np.empty((height // 2, width // 2, 2), np.uint8)

    def __call__(self, data: np.ndarray) -> np.ndarray:
        width, height = self._values.tensor.size
        luma, chroma = _planes(data, self._height)
        cv2.resize(luma, (width, height), dst=self._luma, interpolation=self._flag)
        half = width // 2, height // 2
        cv2.resize(chroma, half, dst=self._chroma, interpolation=self._flag)
        picture = self._values.tensor.picture
        cv2.cvtColorTwoPlane(self._luma, self._chroma, cv2.COLOR_YUV2RGB_NV12, dst=picture)
        return self._values(picture)


class _FullChroma:
    """Both planes at the size of the picture, then the colour matrix."""

    def __init__(self, workload: Workload, flag: int) -> None:
        self._values = _Values(workload)
        self._flag, self._height = flag, workload.height
        width, height = self._values.tensor.size
        self._luma = np.empty((height, width), np.uint8)
        self._chroma = np.empty((height, width, 2), np.uint8)
        self._yuv = np.empty((height, width, 3), np.uint8)

    def __call__(self, data: np.ndarray) -> np.ndarray:
        tensor = self._values.tensor
        luma, chroma = _planes(data, self._height)
        cv2.resize(luma, tensor.size, dst=self._luma, interpolation=self._flag)
        cv2.resize(chroma, tensor.size, dst=self._chroma, interpolation=self._flag)
        cv2.mixChannels([self._luma, self._chroma], [self._yuv], [0, 0, 1, 1, 2, 2])
        cv2.transform(self._yuv, BT601_LIMITED, dst=tensor.picture)
        return self._values(tensor.picture)


class _Resize:
    """RGB and BGR; the channels change places after the resize, where there are fewer pixels."""

    def __init__(self, workload: Workload, flag: int) -> None:
        self._values = _Values(workload)
        self._flag, self._swap = flag, workload.format == "bgr"
        self._shape = workload.height, workload.width, 3
        self._left, self._top, self._width, self._height = crop_box(workload)

    def __call__(self, data: np.ndarray) -> np.ndarray:
        tensor = self._values.tensor
        frame = data.reshape(self._shape)
        part = frame[self._top : self._top + self._height, self._left : self._left + self._width]
        cv2.resize(part, tensor.size, dst=tensor.picture, interpolation=self._flag)
        if self._swap:
            cv2.cvtColor(tensor.picture, cv2.COLOR_BGR2RGB, dst=tensor.picture)
        return self._values(tensor.picture)


def _blob(workload: Workload, interpolation: str, code: int | None) -> list[Chain]:
    """blobFromImageWithParams: it resizes bilinearly only, and its mean has no std beside it."""
    if interpolation != "bilinear" or workload.dtype != "float32":
        return []
    gain, offset = gain_and_offset(workload)
    params = cv2.dnn.Image2BlobParams()
    params.size = workload.size[::-1]
    params.swapRB = workload.format == "bgr"
    params.paddingmode = {
        "letterbox": cv2.dnn.DNN_PMODE_LETTERBOX,
        "crop": cv2.dnn.DNN_PMODE_CROP_CENTER,
    }[workload.fit]
    params.borderValue = (114.0,) * 4
    params.datalayout = getattr(cv2, "DATA_LAYOUT_NHWC", getattr(cv2.dnn, "DNN_LAYOUT_NHWC", 4))
    params.scalefactor = (float(gain),) * 4 if np.ndim(gain) == 0 else (1.0,) * 4
    shape = workload.height, workload.width, 3
    rgb = np.empty(shape, np.uint8)

    def call(data: np.ndarray) -> np.ndarray:
        picture = data.reshape(shape) if code is None else cv2.cvtColor(data, code, dst=rgb)
        blob = cv2.dnn.blobFromImageWithParams(picture, params)[0]
        if np.ndim(gain):
            np.multiply(blob, gain, out=blob)
            np.add(blob, offset, out=blob)
        return blob

    return [Chain("blobFromImageWithParams", call)]


def _planes(data: np.ndarray, height: int) -> tuple[np.ndarray, np.ndarray]:
    return data[:height], data[height:].reshape(height // 2, -1, 2)
