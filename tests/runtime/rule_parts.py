"""Moments for tests of rules: objects with ids where a test puts them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgecore.detections import Detections
from edgecore.rules import Event, Moment, Rule

SIZE = (200, 100)
IMU = np.dtype([("t_us", "<u8"), *[(f"accel_{a}", "<f4") for a in "xyz"], ("t_ns", "<i8")])


def moment(
    t_s: float,
    objects: Mapping[int, tuple[float, float]] | None = None,
    *,
    class_name: str = "person",
    speed_mps: float | None = None,
    imu: np.ndarray | None = None,
    frame: int = 0,
) -> Moment:
    """Objects by id, the middle of the lower edge of each, in parts of the frame's sides."""
    ids = list(objects or {})
    feet = [(x * SIZE[0], y * SIZE[1]) for x, y in (objects or {}).values()]
    n = len(ids)
    found = Detections(
        np.array([(x - 5, y - 20, x + 5, y) for x, y in feet], np.float32).reshape(-1, 4),
        np.full(n, 0.9, np.float32),
        np.zeros(n, np.int32),
        [class_name] * n,
        tracker_id=np.array(ids, np.int32),
    )
    records = {} if imu is None else {"imu": imu}
    return Moment(frame, round(t_s * 1e9), found, SIZE, speed_mps, records)


def kinds(rule: Rule, moments: list[Moment]) -> list[tuple[float, str]]:
    """When what was said."""
    return [(round(one.t_s, 3), event.kind) for one in moments for event in rule.judge(one)]


def said(rule: Rule, moments: list[Moment]) -> list[Event]:
    """All events."""
    return [event for one in moments for event in rule.judge(one)]


def imu(times_s: np.ndarray, x: object = 0.0, y: object = 0.0) -> np.ndarray:
    """Records of an accelerometer."""
    records = np.zeros(len(times_s), IMU)
    records["t_ns"] = np.round(np.asarray(times_s) * 1e9)
    records["accel_x"], records["accel_y"], records["accel_z"] = x, y, 9.81
    return records
