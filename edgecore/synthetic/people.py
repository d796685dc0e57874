"""People on foot, as pictures that face the camera; four of them make a stride."""

import numpy as np

from edgecore.synthetic.canvas import Face
from edgecore.synthetic.texture import Brush, Color, Light
from edgecore.synthetic.vehicles import Model, corners, scaled, shadow

STRIDE_FRAMES = 4


def make_person(rng: np.random.Generator, light: Light) -> tuple[Model, ...]:
    """The same person at each part of a stride."""
    height = rng.uniform(1.5, 1.92)
    skin = scaled((1.0, 0.78, 0.65), rng.uniform(0.35, 0.95))
    hair = scaled((1.0, 0.8, 0.6), float(rng.choice([0.08, 0.2, 0.45, 0.7])))
    coat = _cloth(rng)
    legs = _cloth(rng) if rng.random() < 0.6 else (0.12, 0.14, 0.25)
    shoes = scaled((1, 1, 1), float(rng.choice([0.08, 0.15, 0.8])))
    build = rng.uniform(0.85, 1.2)
    skirt, bag, hat = rng.random() < 0.2, rng.random() < 0.35, rng.random() < 0.2
    sideways = rng.random() < 0.5
    bag_color = _cloth(rng)
    stride = 0.13 if sideways else 0.05
    face_seen = sideways or rng.random() < 0.5

    frames = []
    for phase in range(STRIDE_FRAMES):
        swing = stride * np.sin(2 * np.pi * phase / STRIDE_FRAMES)
        lift = 0.02 * abs(np.cos(2 * np.pi * phase / STRIDE_FRAMES))
        brush = Brush(128, 64)
        hip = 0.05 * build
        for sign in (-1, 1):
            foot = (0.5 + sign * (hip if not sideways else 0.01) + sign * swing * 1.6, 0.97 - lift)
            knee = (0.5 + sign * (hip if not sideways else 0.0) + sign * swing * 1.1, 0.75)
            top = (0.5 + sign * hip * 0.8, 0.5)
            brush.limb(top, knee, 0.15 * build, legs)
            brush.limb(knee, foot, 0.11 * build, legs)
            toe = (foot[0] + (0.07 if sideways else 0.0), 0.975)
            brush.limb((foot[0], 0.975), toe, 0.1, shoes)
        if skirt:
            brush.polygon([(0.4, 0.48), (0.6, 0.48), (0.68, 0.72), (0.32, 0.72)], legs)
        shoulder = (0.13 if sideways else 0.19) * build
        if bag:
            brush.ellipse(0.5 - shoulder - 0.04, 0.36, 0.12, 0.11, bag_color)
        for sign in (-1, 1):
            hand = (0.5 + sign * (shoulder + 0.02) - sign * swing * 1.4, 0.53)
            elbow = (0.5 + sign * (shoulder + 0.03) - sign * swing * 0.6, 0.38)
            brush.limb((0.5 + sign * shoulder * 0.9, 0.22), elbow, 0.1 * build, scaled(coat, 0.85))
            brush.limb(elbow, hand, 0.08 * build, scaled(coat, 0.85))
            brush.ellipse(hand[0], hand[1] + 0.015, 0.045, 0.022, skin)
        left, right = 0.5 - shoulder, 0.5 + shoulder
        waist = 0.85 * shoulder
        brush.polygon(
            [
                (left, 0.2),
                (0.44, 0.165),
                (0.56, 0.165),
                (right, 0.2),
                (0.5 + waist, 0.53),
                (0.5 - waist, 0.53),
            ],
            coat,
        )
        brush.limb((0.5, 0.12), (0.5, 0.18), 0.1, skin)
        brush.ellipse(0.5, 0.085, 0.095, 0.065, hair)
        if face_seen:
            brush.ellipse(0.515 if sideways else 0.5, 0.095, 0.075, 0.05, skin)
        if hat:
            brush.ellipse(0.5, 0.05, 0.12, 0.04, bag_color)
        brush.grain(rng, 0.06, 4)
        x0, y0, x1, y1 = brush.crop()
        scale = height / (y1 - y0)
        wide = scale * 0.5
        texture = brush.finish(light.color, light.rear)
        half = (x1 - x0) * wide / 2
        face = Face(corners((-half, height, 0), (half, height, 0), (-half, 0, 0)), texture)
        faces = (shadow(2 * half, 0.3), face)
        frames.append(Model("person", faces, faces, 2 * half, height, 0.3, True))
    return tuple(frames)


def _cloth(rng: np.random.Generator) -> Color:
    channels = rng.uniform(0.04, 0.9, 3)
    if rng.random() < 0.4:
        channels[:] = channels.mean()
    return float(channels[0]), float(channels[1]), float(channels[2])
