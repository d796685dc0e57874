"""The detector that ships with the package: its facts, its accuracy, and the drives it is for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import edgecore
from edgecore.agent.config import TrackerSettings
from edgecore.model import embedded, read, verify
from edgecore.rules import CollisionRule, Moment
from edgecore.synthetic import CLASS_NAMES, Road, dash_cam
from edgecore.synthetic.training import evaluate
from edgecore.synthetic.training.dataset import FIRST_TRAINING_SEED
from edgecore.synthetic.training.metadata import DESCRIPTION
from firmware_bridge import scenario

FPS = 20.0
SEEDS = (0, 3)
FLOORS = {"person": 0.1, "car": 0.7, "truck": 0.5}
"""Of the average precision at IoU 0.5 over twenty pictures; docs/models.md has the real figures."""


@pytest.fixture(scope="module")
def detector() -> edgecore.Detector:
    return edgecore.Detector.from_file()


def test_it_is_small() -> None:
    assert embedded().stat().st_size < 1_000_000


def test_it_says_itself_what_it_is(engine_name: str) -> None:
    model = read(embedded(), trial=verify(embedded(), engine_name))
    assert model.labels == CLASS_NAMES
    assert model.head == edgecore.heads.YoloV8(len(CLASS_NAMES), model.input_size)
    assert (model.dtype, model.channels, model.fit) == ("int8", "rgb", "letterbox")
    assert (model.mean, model.std) == ((0.0,), (pytest.approx(255),))
    assert "TFLite Metadata: road.txt" in [fact.source for fact in model.facts]
    contents = embedded().read_bytes()
    assert DESCRIPTION.encode() in contents
    assert b"Apache-2.0" in contents


def test_no_everyday_or_held_out_seed_is_a_training_seed() -> None:
    assert max(*SEEDS, evaluate.FIRST_SEED + 1000) < FIRST_TRAINING_SEED


def test_accuracy_on_held_out_scenes() -> None:
    report = evaluate.evaluate(embedded(), evaluate.held_out(5, 4))
    assert report.pictures == 20
    for name, floor in FLOORS.items():
        assert report.precision[name].map_50 > floor, report


# Two seconds into the drive of seed 0, by either engine within a step of quantisation.
SEEN = [
    (0.86, 349, 170, 381, 193),
    (0.85, 413, 164, 548, 239),
    (0.84, 300, 164, 332, 196),
    (0.81, 109, 162, 174, 198),
    (0.80, 191, 158, 254, 212),
    (0.75, 267, 171, 286, 186),
]


def test_every_engine_sees_the_same(engine_name: str) -> None:
    detector = edgecore.Detector.from_file(engine=engine_name)
    found = evaluate.detect(detector, Road(seed=0).render(2.0))
    sure = found.confidence > 0.65
    assert sure.sum() == len(SEEN)
    assert {name for name, is_sure in zip(found.class_name, sure, strict=True) if is_sure} == {
        "car"
    }
    for confidence, *box in SEEN:
        shares = [evaluate.overlap(tuple(one), tuple(box)) for one in found.xyxy[sure].tolist()]
        best = int(np.argmax(shares))
        assert shares[best] > 0.9
        assert found.confidence[sure][best] == pytest.approx(confidence, abs=0.06)


def test_a_grey_picture_is_empty(detector: edgecore.Detector) -> None:
    found = detector.detect(np.full((384, 640, 3), 114, np.uint8))
    assert len(found.confidence) == 0


def closing_rate_error(gap_m: float, *, as_int8: bool) -> float:
    """Root mean square error of 1 / TTC, per second, of a car that comes up at 8 m/s for 1.5 s.

    Its boxes are exact, or rounded to the 255 steps of an int8 tensor of parts of the picture.
    """
    camera, rule, errors = dash_cam(), CollisionRule(), []
    size = np.array([camera.width, camera.height] * 2)
    for k in range(30):
        here_m = gap_m - 8.0 * k / FPS
        scale = camera.focal_px / here_m
        middle = np.array([camera.width / 2, camera.horizon_px + 0.55 * scale])
        box = np.concatenate([middle, [1.8 * scale, 1.5 * scale]])
        if as_int8:
            box = np.rint(box / size * 255) / 255 * size
        xyxy = np.concatenate([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])[None]
        found = np.asarray(xyxy, np.float32)
        t_ns = round(k / FPS * 1e9)
        one = np.ones(1, np.int32)
        box = edgecore.Detections(found, one.astype(np.float32), one, ["car"], tracker_id=one)
        view = rule.assess(Moment(k, t_ns, box, (camera.width, camera.height), 20.0))
        if view.ttc_s is not None:
            errors.append(1 / view.ttc_s - 8.0 / here_m)
    return float(np.sqrt(np.mean(np.square(errors))))


def test_boxes_in_float_are_what_time_to_collision_needs() -> None:
    assert closing_rate_error(60, as_int8=True) > 0.05
    assert closing_rate_error(60, as_int8=False) < 0.005


def moments(start_s: float, end_s: float) -> Iterator[float]:
    yield from (np.arange(round(start_s * FPS), round(end_s * FPS)) / FPS).tolist()


def test_the_lead_car_is_found_while_it_brakes(detector: edgecore.Detector) -> None:
    road = Road(seed=0)
    shares = []
    for t_s in moments(6.0, 10.0):
        sample = road.render(t_s)
        lead = next(truth for truth in sample[1] if truth.is_lead)
        found = evaluate.detect(detector, sample)
        cars = [
            box for box, name in zip(found.xyxy, found.class_name, strict=True) if name == "car"
        ]
        shares.append(max((evaluate.overlap(tuple(box), lead.xyxy) for box in cars), default=0.0))
    assert np.mean(np.array(shares) > 0.7) > 0.95


def alerts(detector: edgecore.Detector, road: Road, start_s: float, end_s: float) -> list[float]:
    rule, when = CollisionRule(), []
    tracker = TrackerSettings().tracker()
    for t_s in moments(start_s, end_s):
        found = evaluate.detect(detector, road.render(t_s))
        speed_mps = scenario.at(t_s).ego_speed_mps
        size = (road.camera.width, road.camera.height)
        t_ns = round(t_s * 1e9)
        tracked = tracker.update(found, t_ns)
        if rule.assess(Moment(0, t_ns, tracked, size, speed_mps)).alert:
            when.append(t_s)
    return when


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drive_alerts_when_the_lead_brakes_and_never_else(
    detector: edgecore.Detector, seed: int
) -> None:
    (when,) = alerts(detector, Road(seed=seed), 0, scenario.PERIOD_S)
    assert scenario.at(when).time_to_collision_s < 4.0


@pytest.mark.slow
def test_ten_drives_of_a_minute_alert_thrice_each(detector: edgecore.Detector, proof) -> None:
    late_s = []
    for seed in range(10):
        when = alerts(detector, Road(seed=seed), 0, 3 * scenario.PERIOD_S)
        assert len(when) == 3, (seed, when)
        late_s += [scenario.at(t_s).time_to_collision_s for t_s in when]
    proof(
        "The embedded model alerts once for every braking of the lead car",
        drives=10,
        alerts=len(late_s),
        other_alerts=0,
        least_time_to_collision_at_an_alert_s=round(min(late_s), 2),
        most_time_to_collision_at_an_alert_s=round(max(late_s), 2),
    )
