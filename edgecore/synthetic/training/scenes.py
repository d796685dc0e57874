"""Scenes to learn from and to be judged by: any road, camera, hour and traffic, and live drives."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from edgecore.synthetic.camera import Camera
from edgecore.synthetic.ground import Layout
from edgecore.synthetic.road import Road
from edgecore.synthetic.scene import Place, Placed, Truth, View
from edgecore.synthetic.vehicles import Model
from firmware_bridge import scenario

WIDTH, HEIGHT = 640, 384
FARTHEST_M = 150.0

Sample = tuple[npt.NDArray[np.uint8], list[Truth]]


def drives(seed: int, count: int) -> Iterator[Sample]:
    """`count` moments of the drive of `Road(seed=seed)`."""
    road = Road(WIDTH, HEIGHT, seed=seed)
    rng = np.random.default_rng((seed, 1))
    for _ in range(count):
        yield road.render(rng.uniform(0, 12 * scenario.PERIOD_S))


def scenes(seed: int, count: int) -> Iterator[Sample]:
    """`count` unrelated moments at one random place."""
    rng = np.random.default_rng((seed, 2))
    layout = random_layout(rng)
    place = Place(random_camera(rng), layout, rng)
    for _ in range(count):
        placed = [*_traffic(rng, place), *_walkers(rng, place), *_beside(rng, place)]
        view = View(
            distance_m=rng.uniform(0, 1000),
            offset_m=rng.normal(0, 0.25),
            curvature_per_m=rng.normal(0, 0.001),
            sky_shift_px=int(rng.integers(WIDTH)),
        )
        yield place.draw(placed, view, int(rng.integers(64)), random_camera(rng))


def random_camera(rng: np.random.Generator) -> Camera:
    """A dash camera of a car or van: 42 to 68 degrees wide, its horizon not quite level."""
    return Camera(
        WIDTH,
        HEIGHT,
        focal_px=rng.uniform(0.75, 1.3) * WIDTH,
        height_m=rng.uniform(1.1, 1.9),
        horizon_px=rng.uniform(0.38, 0.52) * HEIGHT,
    )


def random_layout(rng: np.random.Generator) -> Layout:
    """From a lane each way to a motorway."""
    return Layout(
        lane_m=rng.uniform(2.9, 3.8),
        lanes_left=int(rng.integers(3)),
        lanes_right=int(rng.integers(3)),
        median_m=float(rng.choice([0.0, 0.0, 1.5, 2.5, 4.0])),
        lanes_oncoming=int(rng.choice([0, 1, 2], p=[0.15, 0.4, 0.45])),
        shoulder_m=rng.uniform(0.2, 1.5),
        pavement_m=float(rng.choice([0.0, rng.uniform(1.8, 4)])),
    )


def _traffic(rng: np.random.Generator, place: Place) -> Iterator[Placed]:
    """Vehicles of every lane, and now and then one across the road."""
    layout = place.layout
    ahead_m = float(np.exp(rng.uniform(np.log(2.5), np.log(FARTHEST_M))))
    lanes = [(0.0, ahead_m, 0.0)]
    for lane in range(-layout.lanes_left, layout.lanes_right + 1):
        if lane:
            lanes.append((lane * layout.lane_m, rng.uniform(-8, 60), 0.0))
    for index in range(layout.lanes_oncoming):
        lanes.append((layout.oncoming_lane_m(index), rng.uniform(-8, 60), np.pi))
    gap_m = rng.uniform(4, 60)
    for x_m, start_m, heading in lanes:
        z_m, leads = start_m, x_m == 0
        while z_m < FARTHEST_M:
            model = _vehicle(rng, place)
            yield Placed(
                model,
                x_m + rng.normal(0, 0.3),
                z_m,
                heading + rng.normal(0, 0.04),
                braking=bool(rng.random() < 0.3),
                is_lead=leads,
            )
            leads = False
            z_m += model.length_m + 2 + rng.exponential(gap_m)
    if rng.random() < 0.3:
        side = rng.choice([-1, 1])
        x_m, z_m = side * rng.uniform(2, 14), rng.uniform(8, 60)
        yield Placed(_vehicle(rng, place), x_m, z_m, side * rng.uniform(0.3, 2.8))


def _vehicle(rng: np.random.Generator, place: Place) -> Model:
    return _one(rng, place.trucks if rng.random() < 0.3 else place.cars)


def _walkers(rng: np.random.Generator, place: Place) -> Iterator[Placed]:
    """People beside the road, a few of them on it."""
    layout = place.layout
    for _ in range(int(rng.integers(10))):
        stride = place.people[int(rng.integers(len(place.people)))]
        z_m = float(np.exp(rng.uniform(np.log(4), np.log(80))))
        if rng.random() < 0.2:
            x_m = rng.uniform(layout.far_left_m, layout.far_right_m)
        elif rng.random() < 0.7:
            x_m = layout.far_right_m + rng.uniform(0.2, 4)
        else:
            x_m = layout.far_left_m - rng.uniform(0.2, 4)
        yield Placed(_one(rng, stride), x_m, z_m)


def _beside(rng: np.random.Generator, place: Place) -> Iterator[Placed]:
    """Trees, houses, signs and the like along both edges."""
    layout = place.layout
    right_m, left_m = layout.far_right_m + layout.pavement_m, layout.far_left_m
    for side, edge_m in ((-1, -left_m), (1, right_m)):
        z_m = rng.uniform(-10, 8)
        gap_m = rng.uniform(2, 12)
        while z_m < FARTHEST_M:
            thing = _one(rng, place.things)
            yield Placed(thing, side * (edge_m + 0.6 + thing.width_m / 2 + rng.uniform(0, 4)), z_m)
            z_m += max(thing.length_m, 3) + rng.exponential(gap_m)


def _one(rng: np.random.Generator, stock: Sequence[Model]) -> Model:
    return stock[int(rng.integers(len(stock)))]
