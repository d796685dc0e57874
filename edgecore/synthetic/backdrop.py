"""Daylight by the hour and weather, and the sky with hills or a skyline below it."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgecore.synthetic.camera import floats
from edgecore.synthetic.texture import HEADROOM, Color, Light, packed, planar


class Weather(NamedTuple):
    """One look of the outdoors."""

    light: Light
    zenith: Color
    horizon: Color
    haze_per_m: float
    cloud: float
    noise_levels: int

    @property
    def haze_color(self) -> tuple[int, int, int]:
        """Colour of the far air, 0..255, clear of both ends."""
        red, green, blue = (
            round(min(max(c * 255, HEADROOM), 255 - HEADROOM)) for c in self.horizon
        )
        return red, green, blue


def make_weather(rng: np.random.Generator) -> Weather:
    """Clear noon to dull dusk, at random."""
    kind = rng.choice(["clear", "overcast", "low sun", "dusk"], p=[0.4, 0.3, 0.15, 0.15])
    sun_right = rng.random() < 0.5
    contrast = {"clear": 0.35, "overcast": 0.08, "low sun": 0.45, "dusk": 0.1}[str(kind)]
    level = {"clear": 1.0, "overcast": 0.8, "low sun": 0.85, "dusk": 0.42}[str(kind)]
    level *= rng.uniform(0.85, 1.15)
    warm = {"clear": 0.0, "overcast": -0.03, "low sun": 0.14, "dusk": -0.06}[str(kind)]
    light = Light(
        color=(level * (1 + warm), level, level * (1 - warm)),
        rear=rng.uniform(0.8, 1.0),
        left=1.0 - (contrast if sun_right else 0),
        right=1.0 - (0 if sun_right else contrast),
        top=1.15,
        lamps=bool(kind == "dusk" or rng.random() < 0.2),
    )
    tint = rng.uniform(-0.05, 0.05)
    zenith, horizon = {
        "clear": ((0.22, 0.45, 0.8), (0.72, 0.82, 0.92)),
        "overcast": ((0.55, 0.58, 0.62), (0.76, 0.77, 0.78)),
        "low sun": ((0.35, 0.45, 0.68), (0.95, 0.78, 0.55)),
        "dusk": ((0.12, 0.14, 0.28), (0.45, 0.36, 0.4)),
    }[str(kind)]
    zenith = (zenith[0] + tint, zenith[1] + tint, zenith[2] + tint)
    haze = float(rng.choice([0.0004, 0.001, 0.0025, 0.006], p=[0.35, 0.35, 0.2, 0.1]))
    noise = int(rng.integers(1, 4)) + (3 if kind == "dusk" else 0)
    return Weather(light, zenith, horizon, haze, rng.uniform(0, 0.5), noise)


def make_sky(
    rng: np.random.Generator, weather: Weather, width: int, height: int
) -> npt.NDArray[np.uint32]:
    """Uint32 (height, width) whose last row lies on the horizon; its ends join."""
    up = np.linspace(1, 0, height, dtype=np.float32)[:, None]
    share = np.clip(up * 1.6, 0, 1) ** 0.7
    sky = planar(weather.horizon) * (1 - share) + planar(weather.zenith) * share

    clouds = np.zeros((height, width), np.float32)
    for cells in (4, 8, 16, 32):
        clouds += _smooth(rng, cells * 2, cells, height, width) / np.sqrt(cells)
    cover = np.clip((clouds - 0.15) * 1.5, 0, 1) * weather.cloud * np.clip(up * 5, 0, 1)
    brightest = planar(weather.horizon) * 0.6 + 0.38 * max(weather.light.color)
    sky = sky * (1 - cover) + brightest * cover

    x = np.arange(width) / width * 2 * np.pi
    for far in (0.7, 0.4):
        crest = rng.uniform(0.01, 0.05) * np.ones(width)
        for wave in range(1, 9):
            crest += rng.uniform(0, 0.03) / wave * np.sin(wave * x + rng.uniform(0, 6.3))
        if rng.random() < 0.4:
            blocks = np.repeat(rng.uniform(0, 0.09, width // 16 + 1), 16)[:width]
            crest = np.maximum(
                crest, blocks * (rng.random(width // 16 + 1).repeat(16)[:width] < 0.5)
            )
        green = floats([0.25, 0.32, 0.2]) * rng.uniform(0.7, 1.2)
        color = green * floats(weather.light.color) * (1 - far) + floats(weather.horizon) * far
        np.copyto(sky, planar(color), where=up < np.maximum(crest, 0))
    return packed(sky * 255)


def _smooth(
    rng: np.random.Generator, rows: int, columns: int, height: int, width: int
) -> npt.NDArray[np.float32]:
    """Random values on a grid that joins left to right, interpolated to height x width."""
    grid = rng.uniform(-1, 1, (rows + 1, columns)).astype(np.float32)
    y = np.linspace(0, rows, height, endpoint=False, dtype=np.float32)
    x = np.linspace(0, columns, width, endpoint=False, dtype=np.float32)
    y0, x0 = y.astype(int), x.astype(int)
    fy, fx = (y - y0)[:, None], x - x0
    across = grid[:, x0] * (1 - fx) + grid[:, (x0 + 1) % columns] * fx
    return floats(across[y0] * (1 - fy) + across[y0 + 1] * fy)
