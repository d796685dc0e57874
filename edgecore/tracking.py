"""Who is who among the detections of successive frames."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgecore import _native
from edgecore.detections import Detections
from edgecore.state import Restorable, number, rows, table, truth, whole

LONGEST_LOST_S = 3600.0
MOST_TRACKS = 512
FARTHEST_PX = 1e9
"""No restored centre, side or velocity is beyond it."""


class Tracks(NamedTuple):
    """What a tracker follows, by rising age of the tracks.

    Attributes:
        tracker_id: int32 (n,).
        xyxy: float64 (n, 4) pixels: the filter's estimate at the newest frame.
        lost: bool (n,): whether the newest frame did not show it, so that the box is a prediction.
    """

    tracker_id: NDArray[np.int32]
    xyxy: NDArray[np.float64]
    lost: NDArray[np.bool_]


class Tracker(Restorable):
    """Gives every object an id that stays with it from frame to frame.

    Detections of high score are paired with all tracks first, those of low score with what is left
    (ByteTrack); each track predicts its box by a Kalman filter in seconds, so the frame rate may
    change; and the shift that all objects have in common is taken for the camera's and made up for.

    Args:
        high_threshold: detections of at least this score begin tracks.
        low_threshold: detections of at least this score continue them.
        lost_s: an object out of sight so long has left; when it comes back it is a new one.
        min_sightings: so many frames in a row must show an object until it has an id.
        class_aware: an object never changes its class; for detectors that waver between classes
            False is better.
        frame_rate: frames per second of detections without a time.

    Raises:
        ValueError: an argument is out of range.

    Exactness: identical on every instruction set and machine.
    Algorithm: docs/numerics.md, "Tracking", with its sources.
    """

    def __init__(
        self,
        *,
        high_threshold: float = 0.5,
        low_threshold: float = 0.1,
        lost_s: float = 1.0,
        min_sightings: int = 2,
        class_aware: bool = True,
        frame_rate: float = 30.0,
    ) -> None:
        if not 0.0 <= low_threshold <= high_threshold <= 1.0:
            raise ValueError(
                "expected 0 <= low_threshold <= high_threshold <= 1, "
                f"got {low_threshold!r} and {high_threshold!r}"
            )
        if not 0.0 <= lost_s <= LONGEST_LOST_S:
            raise ValueError(f"lost_s: expected 0 to {LONGEST_LOST_S:g} seconds, got {lost_s!r}")
        if not 1 <= min_sightings <= 1000:
            raise ValueError(f"min_sightings: expected 1 to 1000, got {min_sightings!r}")
        if not (math.isfinite(frame_rate) and frame_rate > 0.001):
            raise ValueError(f"frame_rate: expected more than 0.001 a second, got {frame_rate!r}")
        self._native = _native.Tracker(
            high_threshold, low_threshold, round(lost_s * 1e9), min_sightings, class_aware
        )
        self._period_ns = round(1e9 / frame_rate)
        self._newest_ns = 0

    def update(self, detections: Detections, timestamp_ns: int | None = None) -> Detections:
        """The same detections with `tracker_id` set.

        Args:
            detections: of one frame. Boxes that are not finite or have no area, and scores of NaN,
                stay untracked; of more than 512 of high or of low score, so do those of the lowest.
            timestamp_ns: the frame's capture time, at least 0; None: one period after the frame
                before. Time that goes back by more than `lost_s` is taken for a new scene, by less
                for no time at all.

        Returns:
            A new object that shares the columns; tracker_id is int32 (n,), 1 and up, -1 for what
            has no id. No id is given twice, but after 2^31 of them.

        Raises:
            TypeError: a column of the wrong dtype or layout.
            ValueError: a column of the wrong shape, or a negative time.
        """
        if timestamp_ns is None:
            timestamp_ns = self._newest_ns + self._period_ns
        if not 0 <= timestamp_ns < 1 << 63:
            raise ValueError(f"timestamp_ns: expected 0 to 2^63 - 1, got {timestamp_ns!r}")
        check_columns(detections)
        tracker_id = self._native.update(
            detections.xyxy, detections.confidence, detections.class_id, timestamp_ns
        )
        self._newest_ns = timestamp_ns
        return replace(detections, tracker_id=tracker_id)

    @property
    def tracks(self) -> Tracks:
        """Every object with an id that is in sight, or has not been lost for too long."""
        return Tracks(*self._native.tracks())

    def reset(self) -> None:
        """Forget all tracks, as for another scene; their ids are not given again."""
        self._native.clear()

    def state(self) -> dict[str, Any]:
        """What it goes on from after this frame, to the last bit; see `restore`."""
        newest_ns, next_id, numbers, motion = self._native.state()
        tracks = [
            [*row[:4], bool(row[4]), *floats]
            for row, floats in zip(numbers.tolist(), motion.tolist(), strict=True)
        ]
        return {"newest_ns": newest_ns, "next_id": next_id, "tracks": tracks}

    def restore(self, state: Any) -> None:
        """Go on from the `state` of a tracker with the same settings.

        Raises:
            ValueError: it is none.
        """
        newest_ns, next_id, tracks = table(state, "newest_ns", "next_id", "tracks")
        listed = [_track(row) for row in rows(tracks, 25)]
        if len(listed) > MOST_TRACKS:
            raise ValueError(f"state: expected at most {MOST_TRACKS} tracks, got {len(listed)}")
        self._native.restore(
            _within(newest_ns, 0, 2**63 - 1),
            _within(next_id, 1, 2**31 - 1),
            np.array([row[:5] for row in listed], np.int64).reshape(-1, 5),
            np.array([row[5:] for row in listed], np.float64).reshape(-1, 20),
        )
        self._newest_ns = newest_ns


def _track(row: list[Any]) -> list[Any]:
    """A track's row of a state, if a tracker can have come to it."""
    for low, high, value in (
        (0, 2**31 - 1, row[0]),
        (-(2**31), 2**31 - 1, row[1]),
        (0, 2**63 - 1, row[2]),
        (0, 1000, row[3]),
    ):
        _within(value, low, high)
    truth(row[4])
    for axis in range(5, 25, 5):
        value, velocity, variance, covariance, spread = map(number, row[axis : axis + 5])
        if max(abs(value), abs(velocity)) > FARTHEST_PX:
            raise ValueError(f"state: expected motion within {FARTHEST_PX:g}, got {row!r:.80}")
        if axis >= 15 and value <= 0:
            raise ValueError(f"state: expected a box with an inside, got {row!r:.80}")
        least, most = min(variance, covariance, spread), max(variance, covariance, spread)
        possible = least >= 0 and most <= FARTHEST_PX**2
        if not possible or variance * spread * (1 + 1e-6) < covariance**2:
            raise ValueError(f"state: expected covariances that can be, got {row!r:.80}")
    return row


def _within(value: Any, low: int, high: int) -> int:
    if not low <= whole(value) <= high:
        raise ValueError(f"state: expected {low} to {high}, got {value!r}")
    return int(value)


def check_columns(detections: Detections) -> None:
    """Raises TypeError or ValueError unless boxes, scores and classes are of their type."""
    n = len(detections.confidence)
    for name, dtype, shape in (
        ("xyxy", np.float32, (n, 4)),
        ("confidence", np.float32, (n,)),
        ("class_id", np.int32, (n,)),
    ):
        column = getattr(detections, name)
        if not isinstance(column, np.ndarray) or column.dtype != dtype:
            got = column.dtype if isinstance(column, np.ndarray) else type(column).__name__
            raise TypeError(f"{name}: expected a {np.dtype(dtype)} array, got {got}")
        if column.shape != shape:
            raise ValueError(f"{name}: expected shape {shape}, got {column.shape}")
        if not column.flags.c_contiguous:
            raise TypeError(f"{name}: expected a C-contiguous array, got strides {column.strides}")
