"""The tracker, plainly: one Kalman filter of eight states a track, and every pair looked at.

Definition: docs/numerics.md, "Tracking".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]

MEASURED, UNKNOWN_VELOCITY, ACCELERATION = 0.04, 3.0, 1.0
LEAST_HIGH, LEAST_LOW, LEAST_UNCONFIRMED = 0.1, 0.3, 0.2
GAIN_STEPS = 1 << 24
FEWEST, ROUNDS, ALIKE, REACH, IMPROVEMENT = 3, 2, 1.5, 2.0, 1.1


def assign(gains: list[list[int]]) -> list[int]:
    """The column of each row, -1 for none: the pairing of largest total gain.

    The Hungarian method on a full square, where each row has one more column for staying alone.
    """
    rows, columns = len(gains), len(gains[0]) if gains else 0
    never = 1 << 60
    cost = [
        [-gain if gain > 0 else never for gain in row]
        + [0 if other == number else never for other in range(rows)]
        for number, row in enumerate(gains)
    ]
    width = columns + rows
    value, price = [0] * (rows + 1), [0] * (width + 1)
    owner, before = [0] * (width + 1), [0] * (width + 1)
    for row in range(1, rows + 1):
        owner[0], at = row, 0
        distance, settled = [2 * never] * (width + 1), [False] * (width + 1)
        while owner[at]:
            settled[at] = True
            here = owner[at]
            for column in range(1, width + 1):
                reduced = cost[here - 1][column - 1] - value[here] - price[column]
                if not settled[column] and reduced < distance[column]:
                    distance[column], before[column] = reduced, at
            open_ones = [column for column in range(1, width + 1) if not settled[column]]
            at = min(open_ones, key=lambda column: distance[column])
            step = distance[at]
            for column in range(width + 1):
                if settled[column]:
                    value[owner[column]] += step
                    price[column] -= step
                else:
                    distance[column] -= step
        while at:
            owner[at] = owner[before[at]]
            at = before[at]
    pairs = {owner[column] - 1: column - 1 for column in range(1, columns + 1) if owner[column]}
    return [pairs.get(row, -1) for row in range(rows)]


def overlap(one: Float64Array, other: Float64Array) -> float:
    """Intersection over union."""
    width, height = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    if not (width > 0 and height > 0):
        return 0.0
    common = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(common / (areas[0] + areas[1] - common))


def measured(box: Float64Array) -> Float64Array:
    """Centre x, centre y, width, height."""
    return np.array(
        [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]]
    )


def variance(box: Float64Array, part: float) -> Float64Array:
    """Of four quantities whose deviation is a part of the box's size."""
    size = (box[2] - box[0] + box[3] - box[1]) / 2
    return np.eye(4) * (part * size) ** 2


@dataclass
class Track:
    """One object."""

    state: Float64Array
    covariance: Float64Array
    seen_ns: int
    class_id: int
    id: int = 0
    sightings: int = 0
    lost: bool = False
    sighted: bool = True

    @property
    def box(self) -> Float64Array:
        """Its corners."""
        x, y, width, height = self.state[:4]
        return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])

    def predict(self, dt_s: float) -> None:
        """White noise of the acceleration, integrated over the step."""
        before = self.state[2:4].copy()
        step = np.eye(8)
        step[:4, 4:] = np.eye(4) * dt_s
        density = ACCELERATION * (before.sum() / 2) ** 2
        noise = np.kron([[dt_s**3 / 3, dt_s**2 / 2], [dt_s**2 / 2, dt_s]], np.eye(4) * density)
        self.state = step @ self.state
        self.covariance = step @ self.covariance @ step.T + noise
        self.state[2:4] = np.maximum(self.state[2:4], before / 2)

    def correct(self, box: Float64Array) -> None:
        """The textbook's update."""
        look = np.hstack([np.eye(4), np.zeros((4, 4))])
        whole = look @ self.covariance @ look.T + variance(box, MEASURED)
        gain = self.covariance @ look.T @ np.linalg.inv(whole)
        self.state = self.state + gain @ (measured(box) - look @ self.state)
        self.covariance = (np.eye(8) - gain @ look) @ self.covariance


def begun(box: Float64Array, t_ns: int, class_id: int) -> Track:
    """A track of one sighting, which stands still as far as is known."""
    covariance = np.zeros((8, 8))
    covariance[:4, :4] = variance(box, MEASURED)
    covariance[4:, 4:] = variance(box, UNKNOWN_VELOCITY)
    return Track(np.concatenate([measured(box), np.zeros(4)]), covariance, t_ns, class_id)


class Tracker:
    """Takes the arguments of edgecore.Tracker; boxes must be finite with an area."""

    def __init__(
        self,
        *,
        high_threshold: float = 0.5,
        low_threshold: float = 0.1,
        lost_s: float = 1.0,
        min_sightings: int = 2,
        class_aware: bool = True,
    ) -> None:
        self.high, self.low = np.float32(high_threshold), np.float32(low_threshold)
        self.lost_ns = round(lost_s * 1e9)
        self.min_sightings, self.class_aware = min_sightings, class_aware
        self.tracks: list[Track] = []
        self.newest_ns = 0
        self.next_id = 1

    def update(
        self, xyxy: NDArray[np.float32], score: NDArray[np.float32], class_id: list[int], t_ns: int
    ) -> list[int]:
        """The tracker ids of n detections, -1 for none."""
        boxes = xyxy.astype(np.float64)
        classes = list(class_id) if self.class_aware else [0] * len(boxes)
        ids = [-1] * len(boxes)
        self._predict(t_ns)
        high = [i for i in range(len(boxes)) if score[i] >= self.high]
        low = [i for i in range(len(boxes)) if self.low <= score[i] < self.high]
        shift = self._camera_shift(boxes[high], [classes[i] for i in high])
        for track in self.tracks:
            track.state[:2] += shift
        confirmed = [track for track in self.tracks if track.id]
        high = self._associate(confirmed, high, LEAST_HIGH, boxes, classes, ids, t_ns)
        left = [track for track in confirmed if not (track.sighted or track.lost)]
        self._associate(left, low, LEAST_LOW, boxes, classes, ids, t_ns)
        unconfirmed = [track for track in self.tracks if not track.id]
        high = self._associate(unconfirmed, high, LEAST_UNCONFIRMED, boxes, classes, ids, t_ns)
        self.tracks = [track for track in self.tracks if track.sighted or track.id]
        for track in self.tracks:
            track.lost = not track.sighted
        for i in sorted(high, key=lambda i: boxes[i][0] + boxes[i][2]):
            self.tracks.append(begun(boxes[i], t_ns, classes[i]))
            ids[i] = self._confirm(self.tracks[-1])
        return ids

    def _predict(self, t_ns: int) -> None:
        if self.newest_ns - t_ns > self.lost_ns:
            self.tracks = []
        dt_s = max(t_ns - self.newest_ns, 0) * 1e-9
        self.newest_ns = t_ns
        self.tracks = [track for track in self.tracks if t_ns - track.seen_ns <= self.lost_ns]
        for track in self.tracks:
            track.sighted = False
            if track.lost:
                track.state[6:] = 0
            track.predict(dt_s)

    def _camera_shift(self, boxes: Float64Array, classes: list[int]) -> Float64Array:
        expected = [track for track in self.tracks if not track.lost]
        shift = np.zeros(2)
        if len(expected) < FEWEST or len(boxes) < FEWEST:
            return shift
        for _ in range(ROUNDS):
            found = [self._displacement(track, shift, boxes, classes) for track in expected]
            off = [one for one in found if one is not None]
            if len(off) < FEWEST:
                break
            shift = shift + np.median(off, axis=0)

        def agreement(by: Float64Array) -> float:
            return sum(
                max(overlap(track.box + np.tile(by, 2), box) for box in boxes) for track in expected
            )

        explains = agreement(shift) >= IMPROVEMENT * agreement(np.zeros(2))
        return shift if explains else np.zeros(2)

    @staticmethod
    def _displacement(
        track: Track, shift: Float64Array, boxes: Float64Array, classes: list[int]
    ) -> Float64Array | None:
        """From the shifted track to the nearest detection like it."""
        side = track.state[2:4]
        found = []
        for box, class_id in zip(boxes, classes, strict=True):
            other = measured(box)
            off = other[:2] - track.state[:2] - shift
            if (
                class_id == track.class_id
                and np.all(side <= ALIKE * other[2:])
                and np.all(other[2:] <= ALIKE * side)
                and np.all(np.abs(off) <= REACH * (side + other[2:]) / 2)
            ):
                found.append(off)
        return min(found, key=lambda off: off @ off) if found else None

    def _associate(
        self,
        tracks: list[Track],
        numbers: list[int],
        least: float,
        boxes: Float64Array,
        classes: list[int],
        ids: list[int],
        t_ns: int,
    ) -> list[int]:
        """The numbers of the detections that no track took."""
        if not (tracks and numbers):
            return numbers
        gains = [
            [
                int((overlap(track.box, boxes[i]) - least) * GAIN_STEPS)
                if classes[i] == track.class_id
                else 0
                for i in numbers
            ]
            for track in tracks
        ]
        left = list(numbers)
        for track, column in zip(tracks, assign(gains), strict=True):
            if column < 0:
                continue
            number = numbers[column]
            left.remove(number)
            track.correct(boxes[number])
            track.seen_ns, track.sighted = t_ns, True
            ids[number] = self._confirm(track)
        return left

    def _confirm(self, track: Track) -> int:
        if not track.id:
            track.sightings += 1
            if track.sightings >= self.min_sightings:
                track.id = self.next_id
                self.next_id += 1
        return track.id or -1
