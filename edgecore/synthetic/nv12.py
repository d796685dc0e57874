"""RGB to NV12, as a camera would deliver it."""

import numpy as np
import numpy.typing as npt


def rgb_to_nv12(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The picture as NV12 in BT.601 limited range.

    Args:
        rgb: uint8 (h, w, 3), h and w even.

    Returns:
        uint8 (h * 3 / 2, w): h rows of Y, then h / 2 rows of U and V in turn, each the mean of
        2x2 pixels.

    Raises:
        TypeError: not uint8.
        ValueError: not (h, w, 3), or odd.
    """
    if rgb.dtype != np.uint8:
        raise TypeError(f"expected uint8, got {rgb.dtype}")
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.shape[0] % 2 or rgb.shape[1] % 2:
        raise ValueError(f"expected an even (h, w, 3), got {rgb.shape}")
    height, width = rgb.shape[:2]
    red, green, blue = (rgb[..., channel].astype(np.uint16) for channel in range(3))
    out = np.empty((height * 3 // 2, width), np.uint8)
    # 16.16 weights would not fit 16 bits; 8-bit ones stay within one level.
    out[:height] = (66 * red + 129 * green + 25 * blue + 4224) >> 8
    small = []
    for plane in (red, green, blue):
        rows = plane[::2] + plane[1::2]
        small.append((rows[:, ::2] + rows[:, 1::2]).astype(np.int32))
    red4, green4, blue4 = small
    out[height:, 0::2] = (-38 * red4 - 74 * green4 + 112 * blue4 + (128 << 10) + 512) >> 10
    out[height:, 1::2] = (112 * red4 - 94 * green4 - 18 * blue4 + (128 << 10) + 512) >> 10
    return out
