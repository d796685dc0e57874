"""What the flight recorder costs the engine's thread, a frame, beside what else could tell frames.

The frame is random NV12 with eight detections and one telemetry batch. *Kept* is all that the
recorder does with it: the log's line with the sums of its pixels. *Every pixel kept* adds a copy.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecore
from bench.harness import Row
from edgecore.benchmark.race import Entrant
from edgecore.flight import FlightRecorder
from edgecore.flight.pixels import sums
from edgecore.rules import CollisionRule, Moment, RuleSet

SIZES = {"640x384": (640, 384), "720p": (1280, 720), "1080p": (1920, 1080)}
FOUND = 8


def moments(size: tuple[int, int]) -> Iterator[Moment]:
    """Frames at 30 a second, without end."""
    dice = np.random.default_rng(1)
    corner = dice.uniform(0, 300, (FOUND, 2)).astype(np.float32)
    found = edgecore.Detections(
        np.concatenate([corner, corner + 50], axis=1),
        dice.uniform(0.3, 1, FOUND).astype(np.float32),
        np.ones(FOUND, np.int32),
        ["car"] * FOUND,
        tracker_id=np.arange(FOUND, dtype=np.int32),
    )
    imu = np.zeros(4, [("t_us", "<u8"), ("accel_x", "<f4"), ("gyro_z", "<f4"), ("t_ns", "<i8")])
    for number in itertools.count():
        yield Moment(number, number * 33_333_333, found, size, 17.0, {"imu": imu})


@pytest.mark.parametrize("name", SIZES)
def test_a_frame(contest: Any, tmp_path: Path, name: str) -> None:
    width, height = SIZES[name]
    data = np.random.default_rng(2).integers(0, 256, width * height * 3 // 2, dtype=np.uint8)
    frame = edgecore.Frame(data, width, height)
    rules, tracker = RuleSet({"collision": CollisionRule()}), edgecore.Tracker()
    workload = f"flight recorder: an NV12 frame, {name}"

    def kept(recorder: FlightRecorder) -> Any:
        coming = moments((width, height))

        def keep(_: Any) -> None:
            recorder.before_frame(rules, tracker)
            recorder.frame(frame, next(coming), rules, [], label="bench#0", link="up")

        return keep

    def recorder(**settings: Any) -> FlightRecorder:
        return FlightRecorder(tmp_path, {}, lambda *_, **__: None, pictures_per_s=0, **settings)

    plain = recorder()
    whole = recorder(lossless_per_s=1e9, lossless_bytes=32 << 20)
    contenders = {
        "kept": ("edgecore", kept(plain)),
        "every pixel kept": ("edgecore", kept(whole)),
        "of it the sums": ("edgecore", lambda _: sums(frame)),
        "blake2b of the planes": ("peer", lambda _: hashlib.blake2b(data).digest()),
        "sha256 of the planes": ("peer", lambda _: hashlib.sha256(data).digest()),
        "copy of the frame": ("yardstick", lambda _: data.copy()),
    }
    rows = [Row(workload, label, None, role=role) for label, (role, _) in contenders.items()]
    contest(rows, [Entrant(label, call) for label, (_, call) in contenders.items()], [None])
    assert sums(frame) == sums(edgecore.Frame(data.copy(), width, height))
    plain.close()
    whole.close()
