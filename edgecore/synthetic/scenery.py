"""What stands beside the road and is not looked for: trees, houses, poles, signs, hedges."""

from collections.abc import Callable

import numpy as np

from edgecore.synthetic.canvas import Face
from edgecore.synthetic.texture import Brush, Color, Light
from edgecore.synthetic.vehicles import Model, corners, scaled, shadow


def _standing(brush: Brush, width: float, height: float, light: Light) -> Model:
    """A picture that faces the camera."""
    texture = brush.finish(light.color, light.rear)
    half = width / 2
    face = Face(corners((-half, height, 0), (half, height, 0), (-half, 0, 0)), texture)
    faces = (shadow(width, 0.3), face)
    return Model("", faces, faces, width, height, 0.3, True)


def make_tree(rng: np.random.Generator, light: Light) -> Model:
    """A leafy tree, or a conifer."""
    brush = Brush(128, 64)
    leaf: Color = (rng.uniform(0.12, 0.4), rng.uniform(0.25, 0.5), rng.uniform(0.08, 0.2))
    trunk = scaled((0.35, 0.27, 0.2), rng.uniform(0.6, 1.3))
    brush.rectangle(0.46, 0.5, 0.54, 1, trunk)
    if rng.random() < 0.3:
        for step in np.linspace(0, 0.75, 6):
            spread = 0.1 + step * 0.5
            brush.polygon(
                [(0.5, step), (0.5 + spread, step + 0.2), (0.5 - spread, step + 0.2)], leaf
            )
    else:
        for _ in range(22):
            x, y = rng.normal(0.5, 0.14), rng.normal(0.32, 0.12)
            radius = rng.uniform(0.08, 0.2)
            brush.ellipse(x, y, radius, radius * 0.5, scaled(leaf, rng.uniform(0.6, 1.25)))
    brush.grain(rng, 0.3, 2)
    height = rng.uniform(4, 12)
    return _standing(brush, height * 0.55, height, light)


def make_bush(rng: np.random.Generator, light: Light) -> Model:
    """A low round bush."""
    brush = Brush(32, 64)
    leaf: Color = (rng.uniform(0.12, 0.35), rng.uniform(0.25, 0.45), rng.uniform(0.08, 0.2))
    for _ in range(12):
        color = scaled(leaf, rng.uniform(0.6, 1.2))
        brush.ellipse(rng.uniform(0.2, 0.8), rng.uniform(0.4, 0.8), 0.2, 0.35, color)
    brush.grain(rng, 0.3, 2)
    height = rng.uniform(0.6, 2.0)
    return _standing(brush, height * rng.uniform(1.2, 2.5), height, light)


def make_pole(rng: np.random.Generator, light: Light) -> Model:
    """A lamp post or a plain pole."""
    brush = Brush(128, 32)
    color = scaled((1, 1, 1), rng.uniform(0.2, 0.6))
    brush.rectangle(0.9, 0, 1, 1, color)
    if rng.random() < 0.6:
        brush.rectangle(0.1, 0, 1, 0.012, color)
        brush.rectangle(0, 0, 0.3, 0.025, (0.9, 0.9, 0.75), emits=light.lamps)
    return _standing(brush, 1.6, rng.uniform(5, 9), light)


def make_sign(rng: np.random.Generator, light: Light) -> Model:
    """A road sign on a post: round, square or a large board."""
    brush = Brush(128, 48)
    brush.rectangle(0.47, 0.2, 0.53, 1, (0.45, 0.45, 0.47))
    color = tuple(
        rng.choice([(0.8, 0.1, 0.1), (0.1, 0.25, 0.7), (0.1, 0.45, 0.2), (0.9, 0.75, 0.1)])
    )
    style = int(rng.integers(3))
    if style == 0:
        brush.ellipse(0.5, 0.15, 0.4, 0.15, color)
        brush.ellipse(0.5, 0.15, 0.3, 0.11, (0.9, 0.9, 0.9))
        brush.rectangle(0.4, 0.1, 0.6, 0.2, (0.15, 0.15, 0.15))
    elif style == 1:
        brush.polygon([(0.5, 0), (1, 0.28), (0, 0.28)], color)
        brush.polygon([(0.5, 0.06), (0.85, 0.255), (0.15, 0.255)], (0.9, 0.9, 0.9))
    else:
        brush.rectangle(0, 0, 1, 0.34, (0.9, 0.9, 0.9))
        brush.rectangle(0.04, 0.015, 0.96, 0.325, color)
        for y in (0.07, 0.15, 0.23):
            brush.rectangle(0.15, y, rng.uniform(0.5, 0.85), y + 0.04, (0.9, 0.9, 0.9))
    height = rng.uniform(2.2, 3.2)
    return _standing(brush, height * rng.uniform(0.25, 0.4), height, light)


def make_bin(rng: np.random.Generator, light: Light) -> Model:
    """A bin, post box or cabinet on the pavement: upright, but nobody."""
    brush = Brush(64, 32)
    color: Color = (rng.uniform(0.1, 0.8), rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.7))
    brush.rectangle(0.05, 0.05, 0.95, 1, color)
    brush.rectangle(0, 0, 1, 0.1, scaled(color, 0.6))
    brush.rectangle(
        0.2, 0.25, 0.8, 0.25 + rng.uniform(0.03, 0.3), scaled(color, rng.uniform(0.3, 1.6))
    )
    brush.shade(1.1, 0.8)
    height = rng.uniform(0.9, 1.8)
    return _standing(brush, height * rng.uniform(0.35, 0.8), height, light)


def make_house(rng: np.random.Generator, light: Light) -> Model:
    """A block with windows: the end towards us and both long sides."""
    storeys = int(rng.integers(1, 6))
    height, width, length = storeys * 3.2 + 0.6, rng.uniform(8, 16), rng.uniform(10, 22)
    wall: Color = scaled(
        (1.0, rng.uniform(0.8, 1.0), rng.uniform(0.6, 1.0)), rng.uniform(0.3, 0.85)
    )
    pane = scaled((0.5, 0.6, 0.7), rng.uniform(0.3, 0.9))

    def wall_of(size_m: float) -> Brush:
        brush = Brush(64, 128)
        brush.rectangle(0, 0, 1, 1, wall)
        brush.grain(rng, 0.05, 4)
        count = max(int(size_m / rng.uniform(2.2, 3.5)), 1)
        for storey in range(storeys):
            y = (storey + 0.25) / storeys
            for index in range(count):
                x = (index + 0.3) / count
                lit = light.lamps and rng.random() < 0.3
                color = (0.95, 0.8, 0.5) if lit else scaled(pane, rng.uniform(0.7, 1.3))
                brush.rectangle(x, y, x + 0.45 / count, y + 0.5 / storeys, color, emits=bool(lit))
        brush.rectangle(0, 0, 1, 0.03, scaled(wall, 0.5))
        return brush

    half = width / 2
    end = wall_of(width).finish(light.color, light.rear)
    long_side = wall_of(length)
    right = long_side.finish(light.color, light.right)
    left = long_side.finish(light.color, light.left)
    faces = (
        shadow(width, length),
        Face(corners((-half, height, 0), (half, height, 0), (-half, 0, 0)), end),
        Face(corners((half, height, 0), (half, height, length), (half, 0, 0)), right),
        Face(corners((-half, height, length), (-half, height, 0), (-half, 0, length)), left),
    )
    return Model("", faces, faces, width, height, length)


MAKERS: tuple[Callable[[np.random.Generator, Light], Model], ...] = (
    make_tree,
    make_tree,
    make_bush,
    make_pole,
    make_sign,
    make_bin,
    make_house,
)
