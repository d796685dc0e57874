"""Cars and trucks, built from textured faces in their own metres."""

from functools import cache
from typing import NamedTuple

import numpy as np

from edgecore.synthetic.camera import FloatArray, floats
from edgecore.synthetic.canvas import Face
from edgecore.synthetic.texture import Brush, Color, Light, Texture

GLASS: Color = (0.1, 0.13, 0.16)
TYRE: Color = (0.06, 0.06, 0.07)
RIM: Color = (0.55, 0.56, 0.58)
DARK: Color = (0.1, 0.1, 0.11)
RED: Color = (0.45, 0.05, 0.05)
RED_LIT: Color = (1.0, 0.16, 0.1)
TAIL_LIT: Color = (0.75, 0.08, 0.06)
AMBER: Color = (0.8, 0.45, 0.1)
WHITE: Color = (0.85, 0.87, 0.85)
HEADLAMP_LIT: Color = (1.0, 0.98, 0.88)


class Model(NamedTuple):
    """An object to place: x right, y down from the ground, z forward from its rear end.

    The first of its faces is its shadow. A flat one may always face the camera.
    """

    class_name: str
    faces: tuple[Face, ...]
    braking_faces: tuple[Face, ...]
    width_m: float
    height_m: float
    length_m: float
    faces_camera: bool = False


def corners(
    top_left: tuple[float, float, float],
    top_right: tuple[float, float, float],
    bottom_left: tuple[float, float, float],
) -> FloatArray:
    """Face corners from points given as (right, up, forward)."""
    return floats([top_left, top_right, bottom_left]) * floats([1, -1, 1])


def shadow(width_m: float, length_m: float) -> Face:
    """A soft dark patch under an object."""
    x, margin = width_m * 0.68, length_m * 0.08
    rear, front = -margin, length_m + margin
    return Face(corners((-x, 0, front), (x, 0, front), (-x, 0, rear)), _shadow_texture())


@cache
def _shadow_texture() -> Texture:
    brush = Brush(32, 32)
    brush.rectangle(0.14, 0.08, 0.86, 0.92, (0.02, 0.02, 0.03), alpha=0.8)
    brush.soften(4)
    return brush.finish((1, 1, 1))


def _upright(x: float, top: float, bottom: float, z: float, texture: Texture) -> Face:
    return Face(corners((-x, top, z), (x, top, z), (-x, bottom, z)), texture)


def _forward(x: float, top: float, bottom: float, z: float, texture: Texture) -> Face:
    return Face(corners((x, top, z), (-x, top, z), (x, bottom, z)), texture)


def _plate(brush: Brush, y: float) -> None:
    brush.rectangle(0.37, y, 0.63, y + 0.09, WHITE)
    brush.rectangle(0.4, y + 0.025, 0.6, y + 0.065, (0.3, 0.3, 0.32))


def _paint_color(rng: np.random.Generator) -> Color:
    if rng.random() < 0.55:
        grey = float(rng.choice([0.06, 0.12, 0.25, 0.4, 0.6, 0.75, 0.88]))
        tint = rng.uniform(-0.03, 0.03, 3)
        return grey + tint[0], grey + tint[1], grey + tint[2]
    channels = rng.uniform(0.03, 0.85, 3)
    channels[rng.integers(3)] *= 0.25
    return float(channels[0]), float(channels[1]), float(channels[2])


def scaled(color: Color, factor: float) -> Color:
    """The colour, darker or lighter."""
    return color[0] * factor, color[1] * factor, color[2] * factor


def make_car(rng: np.random.Generator, light: Light) -> Model:
    """A car of random body: saloon, hatchback or tall."""
    kind = rng.choice(["saloon", "hatch", "tall"])
    body = _paint_color(rng)
    width, length = rng.uniform(1.68, 1.95), rng.uniform(3.9, 4.8)
    height = rng.uniform(1.4, 1.52) if kind != "tall" else rng.uniform(1.6, 1.9)
    belt = height * rng.uniform(0.6, 0.66)
    half = width / 2
    bumper = scaled(body, 0.8) if rng.random() < 0.7 else (0.14, 0.14, 0.15)
    lamp_style = int(rng.integers(3))
    lamp_top = rng.uniform(0.08, 0.22)

    def rear(braking: bool) -> Texture:
        brush = Brush(64, 128)
        brush.rectangle(0.03, 0.66, 0.17, 1, TYRE)
        brush.rectangle(0.83, 0.66, 0.97, 1, TYRE)
        brush.polygon([(0.03, 0), (0.97, 0), (1, 0.2), (1, 0.78), (0, 0.78), (0, 0.2)], body)
        brush.shade(1.12, 0.8)
        brush.rectangle(0.0, 0.55, 1, 0.79, bumper)
        brush.rectangle(0.06, 0.76, 0.94, 0.83, DARK)
        brush.rectangle(0.12, 0.52, 0.88, 0.55, scaled(body, 0.55))
        _plate(brush, 0.36 if lamp_style else 0.6)
        lamp = RED_LIT if braking else TAIL_LIT if light.lamps else RED
        emits = braking or light.lamps
        wide, tall = ((0.16, 0.24), (0.1, 0.42), (0.22, 0.16))[lamp_style]
        for x0 in (0.01, 0.99 - wide):
            brush.rectangle(x0, lamp_top, x0 + wide, lamp_top + tall, lamp, emits=emits)
            brush.rectangle(x0, lamp_top + tall, x0 + wide, lamp_top + tall + 0.06, AMBER)
        if braking:
            brush.rectangle(0.42, 0.02, 0.58, 0.06, RED_LIT, emits=True)
        brush.ellipse(0.8, 0.81, 0.04, 0.03, (0.5, 0.5, 0.5))
        return brush.finish(light.color, light.rear)

    front = Brush(64, 128)
    front.rectangle(0.03, 0.66, 0.17, 1, TYRE)
    front.rectangle(0.83, 0.66, 0.97, 1, TYRE)
    front.polygon([(0.06, 0), (0.94, 0), (1, 0.25), (1, 0.8), (0, 0.8), (0, 0.25)], body)
    front.shade(1.1, 0.8)
    front.rectangle(0.26, 0.22, 0.74, 0.42, DARK)
    front.rectangle(0.2, 0.6, 0.8, 0.76, DARK)
    _plate(front, 0.48)
    for x0 in (0.03, 0.8):
        lit = HEADLAMP_LIT if light.lamps else WHITE
        front.rectangle(x0, 0.2, x0 + 0.17, 0.36, lit, emits=light.lamps)

    trunk = {"saloon": 0.55, "hatch": 0.0, "tall": 0.0}[str(kind)]
    slope = {"saloon": 0.6, "hatch": 0.45, "tall": 0.2}[str(kind)]
    hood = length * rng.uniform(0.22, 0.27)
    lean, screen = rng.uniform(0.12, 0.2), rng.uniform(0.6, 0.9)
    roof_half = half - lean

    side = Brush(64, 256)
    nose = 0.12 if kind == "tall" else 0.2
    hood_u = 1 - hood / length
    side.polygon(
        [(0, 0.06), (0.02, 0), (hood_u, 0), (0.985, nose), (1, 0.5), (1, 0.8), (0, 0.8)], body
    )
    side.shade(1.1, 0.75)
    side.rectangle(0.02, 0.74, 0.98, 0.81, DARK)
    for door in (0.3, 0.5, 0.72):
        side.rectangle(door, 0.04, door + 0.006, 0.72, scaled(body, 0.5))
    for handle in (0.32, 0.54):
        side.rectangle(handle, 0.16, handle + 0.04, 0.2, scaled(body, 0.6))
    side.rectangle(0.0, 0.12, 0.03, 0.36, TAIL_LIT if light.lamps else RED)
    side.rectangle(0.95, 0.24, 1.0, 0.38, WHITE)
    radius = 0.32 / length
    for wheel in (0.19, 0.8):
        side.ellipse(wheel, 0.67, radius * 1.15, 0.38, (0.04, 0.04, 0.05))
        side.ellipse(wheel, 0.67, radius, 0.33, TYRE)
        side.ellipse(wheel, 0.67, radius * 0.62, 0.2, RIM)
        side.ellipse(wheel, 0.67, radius * 0.2, 0.07, DARK)

    z0, z1 = trunk, length - hood
    cabin = Brush(32, 128)
    a, b = slope / (z1 - z0), 1 - screen / (z1 - z0)
    cabin.polygon([(0, 1), (a, 0), (b, 0), (1, 1)], scaled(body, 0.95))
    inner_a, inner_b = a + 0.03, b - 0.01
    cabin.polygon([(0.07, 0.96), (inner_a, 0.14), (inner_b, 0.14), (0.94, 0.96)], GLASS)
    for pillar in (0.3, 0.58):
        cabin.rectangle(pillar, 0.1, pillar + 0.03, 1, scaled(body, 0.4))

    def window(tint: Color) -> Texture:
        brush = Brush(32, 64)
        inset = lean / width
        brush.polygon([(0, 1), (inset, 0), (1 - inset, 0), (1, 1)], body)
        brush.polygon(
            [(0.08, 0.95), (inset + 0.05, 0.14), (0.95 - inset, 0.14), (0.92, 0.95)], tint
        )
        brush.polygon([(0.3, 0.95), (0.4, 0.14), (0.52, 0.14), (0.44, 0.95)], scaled(tint, 1.8))
        return brush.finish(light.color, light.rear * 1.1)

    top = Brush(16, 16)
    top.rectangle(0, 0, 1, 1, scaled(body, 1.1))
    lid = top.finish(light.color, light.top)

    def side_face(sign: int) -> list[Face]:
        shade = light.right if sign > 0 else light.left
        lower, upper = side.finish(light.color, shade), cabin.finish(light.color, shade * 1.05)
        if sign < 0:
            lower, upper = lower.mirrored(), upper.mirrored()
        rear_z, front_z = (0.0, length) if sign > 0 else (length, 0.0)
        low = corners(
            (sign * half, belt, rear_z), (sign * half, belt, front_z), (sign * half, 0, rear_z)
        )
        rear_z, front_z = (z0, z1) if sign > 0 else (z1, z0)
        high = corners(
            (sign * roof_half, height, rear_z),
            (sign * roof_half, height, front_z),
            (sign * half, belt, rear_z),
        )
        return [Face(low, lower), Face(high, upper)]

    right, left = side_face(1), side_face(-1)
    hood_face = Face(
        corners((-half, belt * 0.86, length), (half, belt * 0.86, length), (-half, belt, z1)), lid
    )
    screen_face = Face(
        corners((half, height, z1 - screen), (-half, height, z1 - screen), (half, belt, z1)),
        window(GLASS),
    )
    rear_window = Face(
        corners((-half, height, z0 + slope), (half, height, z0 + slope), (-half, belt, z0)),
        window(GLASS),
    )
    roof = Face(
        corners(
            (-roof_half, height, z1 - screen),
            (roof_half, height, z1 - screen),
            (-roof_half, height, z0 + slope),
        ),
        lid,
    )
    trunk_lid = Face(
        corners((-half, belt, z0 + 0.01), (half, belt, z0 + 0.01), (-half, belt, 0)), lid
    )
    front_face = _forward(half, belt * 0.9, 0, length, front.finish(light.color, light.rear))

    def assembled(braking: bool) -> tuple[Face, ...]:
        rear_face = _upright(half, belt, 0, 0, rear(braking))
        lower = [rear_face, front_face, right[0], left[0], trunk_lid, hood_face]
        upper = [screen_face, rear_window, right[1], left[1], roof]
        return (shadow(width, length), *lower, *upper)

    return Model("car", assembled(False), assembled(True), width, height, length)


def make_truck(rng: np.random.Generator, light: Light) -> Model:
    """A lorry with a box body and a cab before it."""
    width, height = rng.uniform(2.3, 2.55), rng.uniform(2.9, 3.9)
    length, cab = rng.uniform(6.5, 12.0), rng.uniform(1.8, 2.3)
    half, bed = width / 2, 1.0
    box = _paint_color(rng) if rng.random() < 0.5 else scaled((1, 1, 0.98), rng.uniform(0.6, 0.95))
    stripe, cab_color = _paint_color(rng), _paint_color(rng)
    doors, banner = bool(rng.random() < 0.7), rng.uniform(0.2, 0.5)
    floor = 1 - bed / height

    def rear(braking: bool) -> Texture:
        brush = Brush(128, 96)
        for x0 in (0.04, 0.74):
            brush.rectangle(x0, floor + 0.08, x0 + 0.22, 1, TYRE)
        brush.rectangle(0, 0, 1, floor, box)
        brush.shade(1.05, 0.9)
        brush.rectangle(0, 0, 1, 0.03, scaled(box, 0.6))
        for x0 in (0.0, 0.97):
            brush.rectangle(x0, 0, x0 + 0.03, floor, scaled(box, 0.6))
        if doors:
            brush.rectangle(0.49, 0.02, 0.51, floor, scaled(box, 0.45))
            for x0 in (0.38, 0.6):
                brush.rectangle(x0, 0.03, x0 + 0.02, floor, scaled(RIM, 0.8))
        else:
            for y0 in np.arange(0.08, floor, 0.09):
                brush.rectangle(0.03, y0, 0.97, y0 + 0.012, scaled(box, 0.75))
        brush.rectangle(0, floor, 1, floor + 0.06, DARK)
        brush.rectangle(0.05, 0.86, 0.95, 0.9, (0.5, 0.5, 0.5))
        lamp = RED_LIT if braking else TAIL_LIT if light.lamps else RED
        for x0 in (0.03, 0.79):
            brush.rectangle(
                x0, floor + 0.05, x0 + 0.18, floor + 0.1, lamp, emits=braking or light.lamps
            )
        brush.rectangle(0.4, floor + 0.02, 0.6, floor + 0.06, WHITE)
        return brush.finish(light.color, light.rear)

    side = Brush(128, 256)
    side.rectangle(0, 0, 1, floor, box)
    side.grain(rng, 0.03, 8)
    side.rectangle(0, floor * banner, 1, floor * (banner + 0.3), stripe)
    for x0 in np.arange(0, 1, 0.1):
        side.rectangle(x0, 0, x0 + 0.004, floor, scaled(box, 0.7))
    side.rectangle(0, floor, 1, floor + 0.06, DARK)
    side.rectangle(0.35, floor + 0.08, 0.75, floor + 0.18, (0.3, 0.3, 0.32))
    radius_u, radius_v = 0.5 / length, 0.5 / height
    for wheel in (0.1, 0.22, 0.93):
        side.ellipse(wheel, 1 - radius_v, radius_u, radius_v, TYRE)
        side.ellipse(wheel, 1 - radius_v, radius_u * 0.5, radius_v * 0.5, RIM)

    cab_height = min(height, rng.uniform(2.6, 3.1))
    cab_side = Brush(64, 64)
    cab_side.rectangle(0, 0, 1, 0.82, cab_color)
    cab_side.shade(1.1, 0.85)
    cab_side.polygon([(0.35, 0.12), (0.85, 0.12), (0.97, 0.45), (0.35, 0.45)], GLASS)
    cab_side.rectangle(0.32, 0.1, 0.34, 0.8, scaled(cab_color, 0.5))
    cab_side.ellipse(0.55, 1 - 0.5 / cab_height, 0.5 / cab, 0.5 / cab_height, TYRE)
    cab_side.ellipse(0.55, 1 - 0.5 / cab_height, 0.25 / cab, 0.25 / cab_height, RIM)

    front = Brush(128, 96)
    front.rectangle(0.05, 0.8, 0.25, 1, TYRE)
    front.rectangle(0.75, 0.8, 0.95, 1, TYRE)
    front.rectangle(0, 0, 1, 0.9, cab_color)
    front.shade(1.05, 0.85)
    front.rectangle(0.06, 0.12, 0.94, 0.45, GLASS)
    front.polygon([(0.3, 0.44), (0.4, 0.13), (0.55, 0.13), (0.45, 0.44)], scaled(GLASS, 1.8))
    front.rectangle(0.2, 0.52, 0.8, 0.72, DARK)
    front.rectangle(0, 0.76, 1, 0.9, scaled(cab_color, 0.6))
    for x0 in (0.04, 0.78):
        lit = HEADLAMP_LIT if light.lamps else WHITE
        front.rectangle(x0, 0.78, x0 + 0.18, 0.85, lit, emits=light.lamps)

    def side_faces(sign: int) -> list[Face]:
        shade = light.right if sign > 0 else light.left
        body, nose = side.finish(light.color, shade), cab_side.finish(light.color, shade)
        if sign < 0:
            body, nose = body.mirrored(), nose.mirrored()
        made = []
        for texture, up, z0, z1 in (
            (nose, cab_height, length, length + cab),
            (body, height, 0, length),
        ):
            rear_z, front_z = (z0, z1) if sign > 0 else (z1, z0)
            x = sign * half
            made.append(Face(corners((x, up, rear_z), (x, up, front_z), (x, 0, rear_z)), texture))
        return made

    bulkhead = Brush(16, 16)
    bulkhead.rectangle(0, 0, 1, 1, scaled(box, 0.8))
    head = _forward(half, height, bed, length, bulkhead.finish(light.color, light.rear))
    nose = _forward(half, cab_height, 0, length + cab, front.finish(light.color, light.rear))
    sides = side_faces(1) + side_faces(-1)

    def assembled(braking: bool) -> tuple[Face, ...]:
        back = _upright(half, height, 0, 0, rear(braking))
        return (shadow(width, length + cab), head, nose, *sides, back)

    return Model("truck", assembled(False), assembled(True), width, height, length + cab)
