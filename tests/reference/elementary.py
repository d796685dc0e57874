"""exp and sigmoid in float32 as docs/numerics.md defines them, one rounding an operation."""

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
F = np.float32
SERIES = (0.0013814461, 0.008368781, 0.041668393, 0.1666652, 0.49999994)


def exponential(x: Float32Array) -> Float32Array:
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        inside = np.clip(np.where(np.isnan(x), F(0), x), F(-87.33), F(88.72)).astype(np.float32)
        n = (inside * F(1.44269504) + F(12582912)) - F(12582912)
        r = (inside - n * F(0.693359375)) - n * F(-2.12194440e-4)
        series = np.full_like(r, F(SERIES[0]))
        for coefficient in SERIES[1:]:
            series = series * r + F(coefficient)
        mantissa = series * (r * r) + r + F(1)
        power = n.astype(np.int32)
        half = np.trunc(power / 2).astype(np.int32)
        result = np.ldexp(np.ldexp(mantissa, half), power - half).astype(np.float32)
    result = np.where(x < F(-87.33), F(0), result)
    result = np.where(x > F(88.72), F(np.inf), result)
    return np.where(np.isnan(x), x, result).astype(np.float32)


def sigmoid(x: Float32Array) -> Float32Array:
    small = exponential(np.where(x < 0, x, -x))
    return np.where(x < 0, small / (F(1) + small), F(1) / (F(1) + small)).astype(np.float32)
