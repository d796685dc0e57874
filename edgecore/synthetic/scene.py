"""A place at an hour: what it is made of, how it is drawn, and what is truly there."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgecore.synthetic import scenery
from edgecore.synthetic.backdrop import Weather, make_sky, make_weather
from edgecore.synthetic.camera import Camera, FloatArray, floats
from edgecore.synthetic.canvas import NOBODY, SCENERY, Canvas, Face, Faces
from edgecore.synthetic.ground import Ground, Layout
from edgecore.synthetic.people import make_person
from edgecore.synthetic.texture import HEADROOM
from edgecore.synthetic.vehicles import Model, make_car, make_truck

FARTHEST_M = 220.0
SMALLEST_PX = 6.0
LEAST_VISIBLE = 0.25


class Truth(NamedTuple):
    """One object that a picture shows.

    Attributes:
        class_name: person, car or truck.
        xyxy: x0, y0, x1, y1 in pixels of the picture, clipped to it, hidden parts included.
        distance_m: from the camera to the object's nearest end, along the road.
        is_lead: whether it is the vehicle ahead in our lane.
        visible: share of its pixels within the picture that nothing hides.
        number: its place among what was put into the scene, the same in every picture of a drive.
    """

    class_name: str
    xyxy: tuple[float, float, float, float]
    distance_m: float
    is_lead: bool
    visible: float
    number: int


class Placed(NamedTuple):
    """A model in the scene: metres right of our lane's middle, nearest end metres ahead.

    Yaw turns its nose to the right; half a turn makes it oncoming.
    """

    model: Model
    x_m: float
    z_m: float
    yaw_rad: float = 0.0
    braking: bool = False
    is_lead: bool = False


class View(NamedTuple):
    """Where the camera is and how the road runs before it."""

    distance_m: float
    offset_m: float = 0.0
    curvature_per_m: float = 0.0
    sky_shift_px: int = 0


class Place:
    """Road, weather, and a stock of models to put in; everything follows from the seed."""

    def __init__(self, camera: Camera, layout: Layout, rng: np.random.Generator) -> None:
        self.camera = camera
        self.layout = layout
        self.weather: Weather = make_weather(rng)
        light = self.weather.light
        self.cars = [make_car(rng, light) for _ in range(10)]
        self.trucks = [make_truck(rng, light) for _ in range(4)]
        self.people = [make_person(rng, light) for _ in range(8)]
        self.things = [make(rng, light) for make in scenery.MAKERS for _ in range(3)]
        self._ground = Ground(rng, layout, light.color)
        self._sky = make_sky(rng, self.weather, camera.width, camera.height)
        spread = self.weather.noise_levels
        # One frame of noise and 64 rows to start it from; HEADROOM keeps the sum in range.
        self._noise = rng.integers(
            -spread, spread + 1, (camera.height + 64) * camera.width * 4, np.int8
        ).view(np.uint8)
        if spread > HEADROOM:
            raise ValueError(f"expected noise of at most {HEADROOM} levels, got {spread}")

    def draw(
        self,
        placed: Sequence[Placed],
        view: View,
        noise_row: int = 0,
        camera: Camera | None = None,
    ) -> tuple[npt.NDArray[np.uint8], list[Truth]]:
        """The picture, uint8 (height, width, 3) RGB, and the objects of a class in it."""
        camera = camera or self.camera
        canvas = Canvas(camera, self.weather.haze_color)
        self._draw_backdrop(canvas, view)
        ahead = [
            number
            for number, one in enumerate(placed)
            if one.z_m < FARTHEST_M and one.z_m + one.model.length_m > 1
        ]
        ahead.sort(key=lambda number: -placed[number].z_m)
        corners, textures, owners, haze = [], [], [], []
        for number in ahead:
            one = placed[number]
            faces = one.model.braking_faces if one.braking else one.model.faces
            corners.append(self._in_camera_axes(one, faces, view, camera))
            textures += [face.texture for face in faces]
            owner = number + 1 if one.model.class_name else SCENERY
            owners += [NOBODY] + [owner] * (len(faces) - 1)
            share = 1 - float(np.exp(-self.weather.haze_per_m * max(one.z_m, 0)))
            haze += [share] * len(faces)
        truths = []
        if ahead:
            bounds, drawn = canvas.draw(Faces(np.concatenate(corners), textures, owners, haze))
            truths = _truths(canvas, placed, np.array(owners), bounds, drawn)
        start = noise_row % 64 * camera.width * 4
        flat = canvas.pixels.view(np.uint8).ravel()
        flat += self._noise[start : start + flat.size]
        texels = flat.reshape(camera.height, camera.width, 4)
        picture = np.empty((camera.height, camera.width, 3), np.uint8)
        for channel in range(3):
            picture[..., channel] = texels[..., channel]
        return picture, truths

    def _draw_backdrop(self, canvas: Canvas, view: View) -> None:
        camera = canvas.camera
        rows = min(max(int(camera.horizon_px) + 1, 0), camera.height)
        if rows:
            canvas.pixels[:rows] = np.roll(self._sky[-rows:], view.sky_shift_px, axis=1)
        self._ground.draw(
            canvas.pixels, camera, view.distance_m, view.curvature_per_m, view.offset_m
        )

    @staticmethod
    def _in_camera_axes(
        one: Placed, faces: Sequence[Face], view: View, camera: Camera
    ) -> FloatArray:
        bend = view.curvature_per_m
        x = one.x_m - view.offset_m + bend * one.z_m * one.z_m / 2
        yaw = 0.0 if one.model.faces_camera else one.yaw_rad + bend * one.z_m
        rear_z = one.z_m + (one.model.length_m if abs(one.yaw_rad) > np.pi / 2 else 0)
        turn = np.array(
            [[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]], np.float32
        )
        corners = np.stack([face.corners for face in faces])
        return corners @ turn + floats([x, camera.height_m, rear_z])


def _truths(
    canvas: Canvas,
    placed: Sequence[Placed],
    owners: npt.NDArray[np.int64],
    bounds: FloatArray,
    drawn: dict[int, int],
) -> list[Truth]:
    """The objects in sight, nearest first."""
    truths = []
    size = floats([canvas.camera.width, canvas.camera.height])
    for owner in sorted(drawn, key=lambda owner: placed[owner - 1].z_m):
        own = bounds[owners == owner]
        x0, y0 = np.maximum(np.nanmin(own[:, :2], axis=0), 0).tolist()
        x1, y1 = np.minimum(np.nanmax(own[:, 2:], axis=0), size).tolist()
        if x1 - x0 < 1 or y1 - y0 < SMALLEST_PX or not drawn[owner]:
            continue
        part = canvas.owners[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1]
        visible = np.count_nonzero(part == owner) / drawn[owner]
        if visible >= LEAST_VISIBLE:
            one = placed[owner - 1]
            near = max(one.z_m, 0.0)
            box = (x0, y0, x1, y1)
            truths.append(Truth(one.model.class_name, box, near, one.is_lead, visible, owner - 1))
    return truths
