"""Pictures and videos for tests of sources."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

COUNT = 6
"""Pictures in a video."""


def gradient(width: int, height: int, index: int = 0) -> np.ndarray:
    """A smooth picture that compression keeps, different for each index."""
    y, x = np.mgrid[0:height, 0:width]
    red = 40 + 150 * x / width
    green = 60 + 120 * y / height
    blue = np.full_like(red, 50 + 20 * index)
    return np.stack([red, green, blue], axis=2).astype(np.uint8)


def video(
    path: Path,
    codec: str,
    pixels: str,
    size: tuple[int, int] = (96, 64),
    colorspace: int = 5,
    color_range: int = 1,
) -> Path:
    if codec not in av.codec.codecs_available:
        pytest.skip(f"this PyAV has no {codec}")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.colorspace = colorspace
        stream.codec_context.color_range = color_range
        if codec == "libx264":
            stream.options = {"crf": "10", "preset": "ultrafast"}
        for index in range(COUNT):
            picture = av.VideoFrame.from_ndarray(gradient(*size, index), "rgb24").reformat(
                format=pixels, dst_colorspace=colorspace, dst_color_range=color_range
            )
            picture.pts = index
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path
