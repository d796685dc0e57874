"""The tracker against its plain twin, and against the truth of rendered drives."""

import itertools
import json
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgecore
from bench.sightings import MOTIONS, Seen, judged, seen_drive
from edgecore import _native
from tests.reference import tracking as reference

PERIOD_NS = 50_000_000


def detections(
    boxes: np.ndarray, scores: np.ndarray | None = None, classes: np.ndarray | None = None
) -> edgecore.Detections:
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    n = len(boxes)
    return edgecore.Detections(
        boxes,
        np.full(n, 0.9, np.float32) if scores is None else np.asarray(scores, np.float32),
        np.zeros(n, np.int32) if classes is None else np.asarray(classes, np.int32),
    )


def ids(out: edgecore.Detections) -> list[int]:
    assert out.tracker_id is not None
    assert out.tracker_id.dtype == np.int32
    return out.tracker_id.tolist()


def box(x: float, y: float = 100.0, width: float = 40.0, height: float = 30.0) -> list[float]:
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


# --- assignment ---------------------------------------------------------------------------------


def total(gains: np.ndarray, columns: list[int]) -> int:
    used = [column for column in columns if column >= 0]
    assert len(used) == len(set(used))
    taken = [int(gains[row, column]) for row, column in enumerate(columns) if column >= 0]
    assert all(gain > 0 for gain in taken)
    return sum(taken)


def best_total(gains: np.ndarray) -> int:
    """Of every pairing there is."""
    rows, columns = gains.shape
    choices = [*range(columns), *[-1] * rows]
    return max(
        sum(max(int(gains[row, column]), 0) for row, column in enumerate(pairing) if column >= 0)
        for pairing in set(itertools.permutations(choices, rows))
    )


@settings(max_examples=150)
@given(st.data())
def test_assignment_gains_as_much_as_the_best_of_all_pairings(data):
    rows, columns = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4))
    value = st.sampled_from([0, 0, 1, 2, 3, 5, 1 << 24])
    gains = np.array(
        data.draw(st.lists(value, min_size=rows * columns, max_size=rows * columns)), np.int32
    ).reshape(rows, columns)
    best = best_total(gains)
    assert total(gains, _native.assign(gains).tolist()) == best
    assert total(gains, reference.assign(gains.tolist())) == best


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 40), st.sampled_from([0.1, 1.0]))
def test_assignment_of_a_crowd_gains_as_much_as_the_plain_one(seed, rows, columns, share):
    random = np.random.default_rng(seed)
    gains = random.integers(1, 1 << random.integers(2, 25), (rows, columns), np.int32)
    gains[random.random(gains.shape) > share] = 0
    wanted = total(gains, reference.assign(gains.tolist()))
    assert total(gains, _native.assign(gains).tolist()) == wanted


# --- the twin -----------------------------------------------------------------------------------


def crowd(seed: int, objects: int, frames: int) -> list[tuple[edgecore.Detections, int]]:
    """Objects that cross, grow, pause and are missed, before a camera that jumps."""
    random = np.random.default_rng(seed)
    middle = random.uniform(0, 300, (objects, 2))
    speed = random.normal(0, 60, (objects, 2))
    side = random.uniform(8, 60, (objects, 2))
    growth = random.normal(0, 0.5, (objects, 1))
    t_s, drawn = 0.0, []
    for _ in range(frames):
        t_s += float(random.choice([0.02, 0.05, 0.05, 0.3]))
        camera = random.normal(0, random.choice([0.0, 0.0, 12.0]), 2)
        at = middle + speed * t_s + camera
        half = side * np.exp(growth * t_s) / 2 * random.normal(1, 0.05, side.shape)
        seen = random.random(objects) > 0.15
        found = np.hstack([at - half, at + half])[seen]
        classes = np.where(random.random(objects) > 0.03, np.arange(objects) % 2, 2)[seen]
        scores = random.uniform(0.0, 1.0, int(seen.sum()))
        drawn.append((detections(found, scores, classes), round(t_s * 1e9)))
    return drawn


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    objects=st.integers(0, 14),
    lost_s=st.sampled_from([0.0, 0.2, 1.0]),
    min_sightings=st.integers(1, 3),
    class_aware=st.booleans(),
    thresholds=st.sampled_from([(0.1, 0.5), (0.3, 0.3), (0.0, 0.9), (0.25, 0.6)]),
)
def test_ids_and_boxes_are_those_of_the_plain_definition(
    seed, objects, lost_s, min_sightings, class_aware, thresholds
):
    chosen = {
        "low_threshold": thresholds[0],
        "high_threshold": thresholds[1],
        "lost_s": lost_s,
        "min_sightings": min_sightings,
        "class_aware": class_aware,
    }
    ours, plain = edgecore.Tracker(**chosen), reference.Tracker(**chosen)
    for found, t_ns in crowd(seed, objects, 12):
        wanted = plain.update(found.xyxy, found.confidence, found.class_id.tolist(), t_ns)
        assert ids(ours.update(found, t_ns)) == wanted
        confirmed = [track for track in plain.tracks if track.id]
        assert ours.tracks.tracker_id.tolist() == [track.id for track in confirmed]
        assert ours.tracks.lost.tolist() == [track.lost for track in confirmed]
        boxes = np.array([track.box for track in confirmed]).reshape(-1, 4)
        np.testing.assert_allclose(ours.tracks.xyxy, boxes, rtol=1e-7, atol=1e-5)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    objects=st.integers(0, 14),
    at=st.integers(0, 15),
    lost_s=st.sampled_from([0.0, 0.2, 1.0]),
    min_sightings=st.integers(1, 3),
)
def test_a_restored_tracker_goes_on_as_the_one_of_that_state(
    seed, objects, at, lost_s, min_sightings
):
    frames = crowd(seed, objects, 16)
    one, other = (edgecore.Tracker(lost_s=lost_s, min_sightings=min_sightings) for _ in range(2))
    for found, t_ns in frames[:at]:
        one.update(found, t_ns)
    other.update(detections([box(10), box(90)]), 10**12)
    other.restore(json.loads(json.dumps(one.state())))
    for found, t_ns in frames[at:]:
        assert ids(other.update(found, t_ns)) == ids(one.update(found, t_ns))
        assert other.state() == one.state()


@settings(max_examples=80)
@given(
    motion=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=20, max_size=20),
    extreme=st.lists(
        st.sampled_from([0.0, 1e-300, 1.0, 1e9, -1e9, 1e18]), min_size=20, max_size=20
    ),
    blend=st.lists(st.booleans(), min_size=20, max_size=20),
    numbers=st.tuples(
        st.integers(0, 2**31 - 1),
        st.integers(-(2**31), 2**31 - 1),
        st.integers(0, 2**63 - 1),
        st.integers(0, 1000),
        st.booleans(),
    ),
    newest_ns=st.integers(0, 2**63 - 1),
    next_id=st.integers(1, 2**31 - 1),
)
def test_any_state_is_refused_or_gone_on_from(motion, extreme, blend, numbers, newest_ns, next_id):
    mixed = [b if chosen else a for a, b, chosen in zip(motion, extreme, blend, strict=True)]
    for floats in (mixed, extreme, [1.0] * 20):
        tracker = edgecore.Tracker(lost_s=3600)
        state = {"newest_ns": newest_ns, "next_id": next_id, "tracks": [[*numbers, *floats]] * 3}
        said = "state: expected"
        try:
            tracker.restore(state)
        except ValueError as error:
            said = str(error)
        assert said.startswith("state: expected")
        for found, t_ns in [(detections([box(1), box(50)]), 5), *crowd(1, 5, 4)]:
            assert len(ids(tracker.update(found, t_ns))) == len(found)
            tracker.tracks  # noqa: B018


# --- against the truth --------------------------------------------------------------------------


def follow(seen: Seen, tracker: edgecore.Tracker) -> np.ndarray:
    found = edgecore.Detections(seen.xyxy, seen.confidence, seen.class_id)
    return np.array(ids(tracker.update(found, seen.t_ns)))


# Of about 45 objects and 2,000 sightings a drive; bench/README.md has those of other trackers.
MOST_SWITCHES = {"steady": 12, "shaking": 14, "panning": 14, "both": 16}


@pytest.mark.parametrize("motion", MOTIONS, ids=lambda motion: motion.name)
@pytest.mark.parametrize("seed", [0, 1])
def test_identities_seldom_change_on_rendered_drives(seed, motion):
    tracker = edgecore.Tracker()
    verdict = judged(lambda seen: follow(seen, tracker), seen_drive(seed, motion))
    assert verdict.objects > 30
    assert verdict.switches <= MOST_SWITCHES[motion.name]
    assert verdict.untracked < 0.1


def test_a_jump_of_the_camera_keeps_every_identity():
    places = np.array([box(x, y) for x in (80, 200, 320, 440) for y in (80, 180)])
    tracker = edgecore.Tracker()
    for frame in range(4):
        before = ids(tracker.update(detections(places), frame * PERIOD_NS))
    moved = places + np.array([45, -25, 45, -25])
    assert ids(tracker.update(detections(moved), 4 * PERIOD_NS)) == before


def test_one_object_that_moves_alone_does_not_move_the_others():
    still = np.array([box(80), box(200), box(320)])
    tracker = edgecore.Tracker()
    for frame in range(12):
        places = [*still, box(80 + 12 * frame, 200)]
        given_ids = ids(tracker.update(detections(places), frame * PERIOD_NS))
    estimates = dict(zip(tracker.tracks.tracker_id.tolist(), tracker.tracks.xyxy, strict=True))
    for tracker_id, place in zip(given_ids, still, strict=False):
        assert estimates[tracker_id] == pytest.approx(place, abs=0.5)


# --- promises -----------------------------------------------------------------------------------


def test_an_object_has_its_id_from_the_set_sighting_on():
    for count in (1, 2, 4):
        tracker = edgecore.Tracker(min_sightings=count)
        given_ids = [
            ids(tracker.update(detections([box(100)]), frame * PERIOD_NS))[0] for frame in range(6)
        ]
        assert given_ids == [-1] * (count - 1) + [1] * (7 - count)


def test_a_weak_detection_continues_a_track_and_begins_none():
    tracker = edgecore.Tracker()
    for frame, score in enumerate([0.9, 0.9, 0.2, 0.2, 0.9]):
        out = ids(tracker.update(detections([box(100), box(300)], [score, 0.2]), frame * PERIOD_NS))
    assert out == [1, -1]


def test_an_object_that_was_hidden_keeps_its_id_for_as_long_as_set():
    for hidden_s, same in ((0.4, True), (0.9, False)):
        tracker = edgecore.Tracker(lost_s=0.5)
        for frame in range(3):
            tracker.update(detections([box(100)]), frame * PERIOD_NS)
        hidden = range(3, round(hidden_s * 20) + 2)
        for frame in hidden:
            tracker.update(detections([]), frame * PERIOD_NS)
        for frame in range(hidden.stop, hidden.stop + 2):
            out = ids(tracker.update(detections([box(100)]), frame * PERIOD_NS))
        assert out == [1 if same else 2]


@pytest.mark.parametrize("fps", [5.0, 20.0, 60.0])
def test_tracks_are_lost_by_the_clock_and_not_by_frames(fps):
    tracker = edgecore.Tracker(lost_s=1.0)
    end = round(3 * fps)
    for frame in range(end):
        tracker.update(detections([box(100)]), round(frame * 1e9 / fps))
    quiet = 0
    while len(tracker.tracks.tracker_id):
        tracker.update(detections([]), round((end + quiet) * 1e9 / fps))
        quiet += 1
    assert quiet / fps == pytest.approx(1.0, abs=1.01 / fps)


def test_prediction_does_not_depend_on_the_frame_rate():
    """An object of constant velocity, seen at even and at uneven times."""
    for step in (1, 3):
        tracker = edgecore.Tracker(min_sightings=1)
        for frame in range(0, 31, step):
            tracker.update(detections([box(100 + 4 * frame)]), frame * PERIOD_NS)
        tracker.update(detections([]), 36 * PERIOD_NS)
        middle = tracker.tracks.xyxy[0, [0, 2]].mean()
        assert middle == pytest.approx(100 + 4 * 36, abs=1.5)


def test_objects_that_cross_keep_their_ids():
    tracker = edgecore.Tracker()
    last = []
    for frame in range(41):
        a, b = 100 + 5 * frame, 300 - 5 * frame
        last = ids(
            tracker.update(
                detections([box(a, 100), box(b, 108)], classes=np.array([0, 0])), frame * PERIOD_NS
            )
        )
        if frame == 1:
            first = last
    assert last == first


def test_classes_keep_objects_apart_unless_told_otherwise():
    for aware in (True, False):
        tracker = edgecore.Tracker(class_aware=aware, min_sightings=1)
        tracker.update(detections([box(100)], classes=np.array([1])), 0)
        out = ids(tracker.update(detections([box(100)], classes=np.array([2])), PERIOD_NS))
        assert out == ([2] if aware else [1])


def test_no_detections_and_frames_without_time_are_ordinary():
    tracker = edgecore.Tracker(frame_rate=20.0)
    assert ids(tracker.update(edgecore.Detections.empty())) == []
    for _ in range(3):
        out = ids(tracker.update(detections([box(100)])))
    assert out == [1]
    for _ in range(19):
        tracker.update(edgecore.Detections.empty())
    assert len(tracker.tracks.tracker_id) == 1
    for _ in range(2):
        tracker.update(edgecore.Detections.empty())
    assert len(tracker.tracks.tracker_id) == 0


def test_other_columns_are_shared_and_the_given_object_stays_as_it_was():
    given_ones = detections([box(100)])
    out = edgecore.Tracker().update(given_ones, 0)
    assert given_ones.tracker_id is None
    assert out.xyxy is given_ones.xyxy
    assert out.timings is given_ones.timings


def test_reset_forgets_objects_and_gives_no_id_again():
    tracker = edgecore.Tracker(min_sightings=1)
    assert ids(tracker.update(detections([box(100)]), 0)) == [1]
    tracker.reset()
    assert ids(tracker.update(detections([box(100)]), PERIOD_NS)) == [2]


# --- hostile input ------------------------------------------------------------------------------


def test_boxes_that_are_none_stay_untracked_and_disturb_nobody():
    nan, inf = np.nan, np.inf
    bad = [
        [nan, 0, 10, 10],
        [0, 0, inf, 10],
        [-inf, -inf, inf, inf],
        [10, 10, 10, 20],
        [20, 0, 10, 10],
        [0, 0, 3e38, 3e38],
        [-3e38, -3e38, 3e38, 3e38],
        [1e-45, 0, 2e-45, 1e-45],
    ]
    scores = [0.9] * 9 + [nan]
    boxes = [box(100), *bad, box(300)]
    tracker = edgecore.Tracker()
    for frame in range(30):
        out = ids(tracker.update(detections(boxes, scores), frame * PERIOD_NS))
    assert out[0] > 0
    assert out[1:6] == [-1] * 5
    assert out[9] == -1
    assert np.isfinite(tracker.tracks.xyxy).all()


def test_ten_thousand_detections_are_bounded():
    random = np.random.default_rng(0)
    corner = random.uniform(0, 4000, (10_000, 2))
    boxes = np.hstack([corner, corner + 20])
    scores = random.uniform(0.5, 1.0, 10_000).astype(np.float32)
    tracker = edgecore.Tracker()
    for frame in range(3):
        out = np.array(ids(tracker.update(detections(boxes, scores), frame * PERIOD_NS)))
    assert (out > 0).sum() == 512
    assert scores[out > 0].min() >= np.sort(scores)[-512]


def test_ten_thousand_equal_boxes_end():
    boxes = np.tile(box(100), (10_000, 1))
    tracker = edgecore.Tracker()
    for frame in range(3):
        out = ids(tracker.update(detections(boxes), frame * PERIOD_NS))
    assert len({one for one in out if one > 0}) == 512


def test_time_that_goes_back_a_little_is_no_time_and_far_back_is_a_new_scene():
    tracker = edgecore.Tracker(lost_s=1.0)
    for frame in range(3):
        tracker.update(detections([box(100)]), 10**10 + frame * PERIOD_NS)
    assert ids(tracker.update(detections([box(100)]), 10**10)) == [1]
    assert ids(tracker.update(detections([box(100)]), 10**10 - 2 * 10**9)) == [-1]
    assert ids(tracker.update(detections([box(100)]), 10**10 - 10**9)) == [2]


def test_times_from_end_to_end_of_their_range_are_survived():
    tracker = edgecore.Tracker(lost_s=3600.0, min_sightings=1)
    for t_ns in (0, 2**63 - 1, 0, 2**62, 2**62 + 3600 * 10**9, 1):
        assert ids(tracker.update(detections([box(100)]), t_ns))[0] > 0
        assert np.isfinite(tracker.tracks.xyxy).all()


@settings(max_examples=50)
@given(st.integers(0, 2**32))
def test_any_bits_are_survived_and_no_id_is_given_twice_in_a_frame(seed):
    random = np.random.default_rng(seed)
    tracker = edgecore.Tracker(min_sightings=1)
    for _ in range(6):
        n = int(random.integers(0, 60))
        bits = random.integers(0, 2**32, (n, 5), np.uint32).view(np.float32)
        scores = np.where(random.random(n) > 0.3, random.random(n), bits[:, 4])
        boxes = np.ascontiguousarray(bits[:, :4])
        if random.random() < 0.5:
            boxes = np.sort(boxes.reshape(-1, 2, 2), axis=1).reshape(-1, 4)
        out = ids(tracker.update(detections(boxes, scores), int(random.integers(0, 2**40))))
        tracked = [one for one in out if one != -1]
        assert len(tracked) == len(set(tracked))
        assert all(one > 0 for one in tracked)
        assert np.isfinite(tracker.tracks.xyxy).all()


def test_threads_take_turns():
    tracker = edgecore.Tracker(min_sightings=1)
    places = detections([box(x) for x in range(50, 5000, 50)])

    def work() -> None:
        for _ in range(50):
            tracker.update(places, PERIOD_NS)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids(tracker.update(places, PERIOD_NS)) == list(range(1, 100))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"xyxy": np.zeros((1, 4))}, TypeError, "xyxy: expected a float32 array, got float64"),
        ({"xyxy": [[0, 0, 1, 1]]}, TypeError, "xyxy: expected a float32 array, got list"),
        ({"xyxy": np.zeros((1, 5), np.float32)}, ValueError, r"xyxy: expected shape \(1, 4\)"),
        ({"xyxy": np.zeros((2, 4), np.float32)}, ValueError, r"shape \(1, 4\), got \(2, 4\)"),
        ({"xyxy": np.zeros((4, 8), np.float32)[:1, ::2]}, TypeError, "C-contiguous"),
        ({"confidence": np.zeros(1)}, TypeError, "confidence: expected a float32 array, got fl"),
        ({"class_id": np.zeros(1, np.int64)}, TypeError, "class_id: expected a int32 array"),
        ({"class_id": np.zeros(2, np.int32)}, ValueError, r"class_id: expected shape \(1,\)"),
    ],
)
def test_wrong_columns_are_named(change, error, text):
    found = detections([box(100)])
    for name, value in change.items():
        setattr(found, name, value)
    with pytest.raises(error, match=text):
        edgecore.Tracker().update(found, 0)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"low_threshold": 0.6}, "low_threshold <= high_threshold <= 1, got 0.6 and 0.5"),
        ({"high_threshold": float("nan")}, "got 0.1 and nan"),
        ({"lost_s": -1}, "lost_s: expected 0 to 3600 seconds, got -1"),
        ({"lost_s": float("inf")}, "lost_s: .* got inf"),
        ({"min_sightings": 0}, "min_sightings: expected 1 to 1000, got 0"),
        ({"frame_rate": 0}, "frame_rate: expected more than 0.001 a second, got 0"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        edgecore.Tracker(**arguments)


def test_time_that_runs_out_by_itself_is_named():
    tracker = edgecore.Tracker()
    tracker.update(detections([]), 2**63 - 1)
    with pytest.raises(ValueError, match="timestamp_ns: expected 0 to"):
        tracker.update(detections([]))


@pytest.mark.parametrize("t_ns", [-1, 2**63])
def test_impossible_times_are_named(t_ns):
    with pytest.raises(ValueError, match=rf"timestamp_ns: expected 0 to 2\^63 - 1, got {t_ns}"):
        edgecore.Tracker().update(detections([]), t_ns)
