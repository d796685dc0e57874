"""Nobody's sudden death tears a frame, keeps a slot, or stops the others."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]


def massacre(kills: int, seed: int) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.ring.kills", str(kills), str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    assert found["failures"] == 0, done.stderr
    assert found["torn"] == 0
    assert found["leaked_slots"] == 0
    assert found["readers_not_forgotten"] == 0
    assert found["survivors_stuck"] == 0
    assert found["readers_killed_while_holding_a_frame"] > 0
    assert found["frames_read"] > 0
    return found


def test_killed_producers_and_readers_harm_nobody() -> None:
    massacre(200, seed=os.getpid())


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_kills_tear_no_frame_and_leak_no_slot(proof) -> None:
    found = massacre(10_000, seed=1)
    assert found["producers_killed_while_writing"] > 0
    proof("killed producers and readers of a ring harm nobody", **found)
