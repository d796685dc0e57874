"""The rendered road: repeatable, and its truth is what the pixels and the geometry say."""

import numpy as np
import pytest

from edgecore.synthetic import CLASS_NAMES, Road, rgb_to_nv12
from edgecore.synthetic.camera import dash_cam
from edgecore.synthetic.road import LAYOUT
from edgecore.synthetic.scene import Place, Placed, View
from edgecore.synthetic.vehicles import _shadow_texture
from firmware_bridge import scenario


@pytest.fixture(scope="module")
def road() -> Road:
    return Road(seed=0)


@pytest.fixture(scope="module")
def place() -> Place:
    return Place(dash_cam(), LAYOUT, np.random.default_rng(3))


def test_same_seed_and_time_give_the_same_picture(road):
    ours, truth = road.render(3.7)
    again, same_truth = Road(seed=0).render(3.7)
    assert np.array_equal(ours, again)
    assert truth == same_truth


def test_roads_of_one_process_do_not_tinge_each_other():
    """They share the texture of shadows, which each sees through a haze of its own colour."""
    seen = []
    for seeds in ((0, 3), (3, 0)):
        _shadow_texture.cache_clear()
        seen.append({seed: Road(seed=seed).render(9.0)[0] for seed in seeds})
    for seed in (0, 3):
        np.testing.assert_array_equal(seen[0][seed], seen[1][seed])


def test_another_seed_gives_another_road(road):
    assert not np.array_equal(road.render(3.7)[0], Road(seed=1).render(3.7)[0])


def test_picture_is_contiguous_rgb_of_the_asked_size():
    picture, _ = Road(320, 192, seed=2).render(0.0)
    assert picture.shape == (192, 320, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous


@pytest.mark.parametrize("t_s", [0.0, 4.0, 7.0, 8.5, 12.0, 19.99, 27.0])
def test_lead_car_is_where_the_scenario_says(road, t_s):
    _, truths = road.render(t_s)
    (lead,) = [truth for truth in truths if truth.is_lead]
    gap_m = scenario.at(t_s).lead_gap_m
    assert lead.class_name == "car"
    assert lead.visible == 1
    assert lead.distance_m == pytest.approx(gap_m, abs=1e-3)
    camera = road.camera
    width_m = (lead.xyxy[2] - lead.xyxy[0]) * gap_m / camera.focal_px
    assert 1.6 < width_m < 2.2
    assert lead.xyxy[3] == pytest.approx(
        camera.horizon_px + camera.focal_px * camera.height_m / gap_m, abs=0.5
    )


def test_lead_box_grows_as_the_gap_closes(road):
    heights, gaps = [], []
    for t_s in np.arange(6.5, 9.0, 0.25):
        _, truths = road.render(float(t_s))
        (lead,) = [truth for truth in truths if truth.is_lead]
        heights.append(lead.xyxy[3] - lead.xyxy[1])
        gaps.append(lead.distance_m)
    assert np.array(heights) * gaps == pytest.approx(heights[0] * gaps[0], rel=0.03)


def test_boxes_lie_within_the_picture_and_stand_on_the_ground(road):
    camera = road.camera
    seen = set()
    for t_s in np.arange(0, 20, 1.3):
        _, truths = road.render(float(t_s))
        for truth in truths:
            x0, y0, x1, y1 = truth.xyxy
            assert 0 <= x0 < x1 <= camera.width
            assert 0 <= y0 < y1 <= camera.height
            assert 0.25 <= truth.visible <= 1
            seen.add(truth.class_name)
            # The road bends a little, so ends of turned vehicles are not all at one distance.
            if truth.distance_m > 4:
                ground = camera.horizon_px + camera.focal_px * camera.height_m / truth.distance_m
                assert y1 == pytest.approx(min(ground, camera.height), rel=0.01, abs=1.0)
    assert seen == set(CLASS_NAMES)


@pytest.mark.parametrize("kind", ["cars", "trucks", "people"])
@pytest.mark.parametrize(("x_m", "z_m"), [(0.0, 8.0), (-3.0, 14.0), (4.0, 25.0)])
def test_truth_box_bounds_the_changed_pixels(place, kind, x_m, z_m):
    model = getattr(place, kind)[0]
    if kind == "people":
        model = model[0]
    empty, _ = place.draw([], View(0.0))
    picture, (truth,) = place.draw([Placed(model, x_m, z_m)], View(0.0))
    changed = (picture.astype(int) - empty).any(axis=2)
    x0, y0, x1, y1 = truth.xyxy
    rows = np.flatnonzero(changed.any(axis=1))
    # Its shadow lies below: look at the upper half for the sides.
    columns = np.flatnonzero(changed[: int(0.45 * y0 + 0.55 * y1)].any(axis=0))
    assert rows[0] == pytest.approx(y0, abs=1.5)
    if kind != "people":
        assert columns[0] == pytest.approx(x0, abs=2.0)
        assert columns[-1] + 1 == pytest.approx(x1, abs=2.0)
    assert columns[0] >= x0 - 1.5
    assert columns[-1] + 1 <= x1 + 1.5


def test_hidden_car_is_not_reported_and_half_hidden_one_is(place):
    truck, car = place.trucks[0], place.cars[0]
    _, truths = place.draw([Placed(truck, 0, 10), Placed(car, 0, 40)], View(0.0))
    assert [truth.class_name for truth in truths] == ["truck"]
    _, truths = place.draw([Placed(truck, 0, 10), Placed(car, 5.5, 40)], View(0.0))
    assert [truth.class_name for truth in truths] == ["truck", "car"]
    assert 0.25 < truths[1].visible < 1


def test_brake_lights_are_lit_when_braking(place):
    car = place.cars[0]
    off, (truth,) = place.draw([Placed(car, 0, 10)], View(0.0))
    lit, _ = place.draw([Placed(car, 0, 10, braking=True)], View(0.0))
    x0, y0, x1, y1 = (int(edge) for edge in truth.xyxy)
    brighter = lit.astype(int)[y0:y1, x0:x1, 0] - off[y0:y1, x0:x1, 0]
    assert np.count_nonzero(brighter > 40) > 50


def test_lane_marks_move_by_the_way_travelled(place):
    here, _ = place.draw([], View(5.0))
    later, _ = place.draw([], View(9.0))
    around, _ = place.draw([], View(5.0 + 48.0))
    assert not np.array_equal(here, later)
    assert np.array_equal(here, around)


def test_truth_is_nearest_first(road):
    _, truths = road.render(2.0)
    distances = [truth.distance_m for truth in truths]
    assert distances == sorted(distances)


@pytest.mark.parametrize("size", [(0, 384), (640, 0), (641, 384), (-640, 384), (32, 32)])
def test_unusable_sizes_are_refused(size):
    with pytest.raises(ValueError, match="even size"):
        Road(*size)


def test_unusable_rate_is_refused():
    with pytest.raises(ValueError, match="fps"):
        Road(fps=0)


def test_nv12_is_within_a_level_of_exact_bt601():
    rgb = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    rgb[:4], rgb[4:8], rgb[8:12] = 0, 255, (255, 0, 0)
    red, green, blue = np.moveaxis(rgb.astype(np.float64), 2, 0)
    y = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255
    small = rgb.astype(np.float64).reshape(16, 2, 24, 2, 3).mean(axis=(1, 3))
    u = 128 + small @ [-37.797, -74.203, 112.0] / 255
    v = 128 + small @ [112.0, -93.786, -18.214] / 255
    got = rgb_to_nv12(rgb).astype(np.float64)
    assert np.abs(got[:32] - y).max() <= 1
    assert np.abs(got[32:, 0::2] - u).max() <= 1
    assert np.abs(got[32:, 1::2] - v).max() <= 1


def test_nv12_of_the_wrong_kind_is_refused():
    with pytest.raises(TypeError, match="float64"):
        rgb_to_nv12(np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match=r"\(5, 4, 3\)"):
        rgb_to_nv12(np.zeros((5, 4, 3), np.uint8))
