"""The live road: a drive behind the lead car of the shared scenario, among other traffic."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgecore.synthetic.camera import dash_cam
from edgecore.synthetic.ground import Layout
from edgecore.synthetic.scene import Place, Placed, Truth, View
from edgecore.synthetic.vehicles import Model
from firmware_bridge import scenario

LAYOUT = Layout(
    lane_m=3.5,
    lanes_left=1,
    lanes_right=1,
    median_m=2.5,
    lanes_oncoming=2,
    shoulder_m=0.6,
    pavement_m=3.2,
)
_LOOP_M = 220.0
_BEHIND_M = 15.0
_SCENERY_LOOP_M = 240.0


class Road:
    """Pictures of one drive and the truth about them; a pure function of seed and time.

    Speed, lane marks, bend and the lead car follow `firmware_bridge.scenario`, so the simulated
    vehicle and this camera tell of the same drive.

    Args:
        width: pixels, even, at least 64.
        height: pixels, even, at least 64.
        fps: pictures per second that a live source should take from it.
        seed: of the hour, the weather, and all that is met.

    Raises:
        ValueError: odd or too small a size, or fps not above zero.
    """

    def __init__(
        self, width: int = 640, height: int = 384, fps: float = 30.0, seed: int = 0
    ) -> None:
        if width < 64 or height < 64 or width % 2 or height % 2:
            raise ValueError(f"expected an even size of at least 64x64, got {width}x{height}")
        if not fps > 0:
            raise ValueError(f"expected fps above zero, got {fps}")
        self.fps = fps
        self.camera = dash_cam(width, height)
        rng = np.random.default_rng(seed)
        self._place = Place(self.camera, LAYOUT, rng)
        self._lead = self._place.cars[0]
        self._lanes = self._fill_lanes(rng)
        self._walkers = [
            (
                person,
                float(LAYOUT.far_right_m + rng.uniform(0.6, 2.6)),
                float(rng.uniform(0, 160)),
                float(rng.choice([-1.3, 1.1, 1.5])),
            )
            for person in self._place.people
        ]
        self._scenery = self._plant(rng)

    def render(self, t_s: float) -> tuple[npt.NDArray[np.uint8], list[Truth]]:
        """The picture at a time and what is truly in it.

        Args:
            t_s: seconds since time zero of the scenario, not negative.

        Returns:
            uint8 (height, width, 3) RGB, and one Truth per person, car or truck in sight.
        """
        scene = scenario.at(t_s)
        travelled = scene.ego_distance_m
        lead = Placed(self._lead, 0.1, scene.lead_gap_m, braking=scene.lead_braking, is_lead=True)
        placed = [lead]
        for model, x_m, start_m, speed_mps, yaw in self._lanes:
            along = start_m + speed_mps * t_s - travelled
            z_m = (along + _BEHIND_M) % _LOOP_M - _BEHIND_M
            placed.append(Placed(model, x_m, z_m, yaw))
        for stride, x_m, start_m, speed_mps in self._walkers:
            step = int(t_s * 5 + start_m) % len(stride)
            z_m = (start_m + speed_mps * t_s - travelled) % 160 + 1
            placed.append(Placed(stride[step], x_m, z_m))
        for model, x_m, start_m in self._scenery:
            placed.append(Placed(model, x_m, (start_m - travelled + 20) % _SCENERY_LOOP_M - 20))
        view = View(
            distance_m=travelled,
            curvature_per_m=-scene.ego_yaw_rate_rps / max(scene.ego_speed_mps, 0.1),
        )
        return self._place.draw(placed, view, noise_row=int(t_s * 997))

    def _fill_lanes(
        self, rng: np.random.Generator
    ) -> list[tuple[Model, float, float, float, float]]:
        """Model, x, start, speed and yaw of the other traffic; each lane keeps its distances."""
        lanes = [(-LAYOUT.lane_m, 24.0, 0.0), (LAYOUT.lane_m, 17.5, 0.0)]
        lanes += [
            (LAYOUT.oncoming_lane_m(index), -22.0 - 3 * index, np.pi)
            for index in range(LAYOUT.lanes_oncoming)
        ]
        traffic = []
        for x_m, speed_mps, yaw in lanes:
            start = rng.uniform(0, 40)
            while start < _LOOP_M - 30:
                model = self._pick(rng, self._place.cars[1:], self._place.trucks)
                traffic.append((model, x_m + rng.uniform(-0.25, 0.25), start, speed_mps, yaw))
                start += model.length_m + rng.uniform(20, 70)
        return traffic

    @staticmethod
    def _pick(rng: np.random.Generator, cars: Sequence[Model], trucks: Sequence[Model]) -> Model:
        stock = trucks if rng.random() < 0.25 else cars
        return stock[int(rng.integers(len(stock)))]

    def _plant(self, rng: np.random.Generator) -> list[tuple[Model, float, float]]:
        things = self._place.things
        planted = []
        for side in (-1, 1):
            edge = LAYOUT.far_right_m + LAYOUT.pavement_m if side > 0 else -LAYOUT.far_left_m
            start = rng.uniform(0, 8)
            while start < _SCENERY_LOOP_M - 8:
                model = things[int(rng.integers(len(things)))]
                x_m = side * (edge + 0.6 + model.width_m / 2 + rng.uniform(0, 3))
                planted.append((model, float(x_m), float(start)))
                start += max(model.length_m, 3) + rng.uniform(2, 9)
        return planted
