"""The agent for long, while its engine is killed, its link cut and its camera stalled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOUNDS_MS = {
    "next_detection_ms": 500,
    "link_up_after_plug_ms": 2000,  # it is tried again every second
    "frame_after_stall_ms": 3000,  # the camera is being asked when it comes back, and begins anew
}
GROWTH_MB = 4.0


def soaked(test_data: Path, seconds: float, hurry: float) -> dict[str, Any]:
    video = test_data / "video/lane_960x540.mp4"
    done = subprocess.run(
        [sys.executable, "-m", "tests.runtime.soak", str(video), str(seconds), str(hurry)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def judge(found: dict[str, Any]) -> None:
    """Whatever the machine does besides: nothing leaks, and each alert was executed once."""
    assert min(found[kind] for kind in ("engines_killed", "links_cut", "cameras_stalled")) > 0
    assert found["deaths_not_told"] == 0
    assert found["alerts"] > 0
    assert found["alerts_without_exactly_one_result"] == 0
    assert (
        found["alerts"]
        == found["alerts_acknowledged"]
        == found["alerts_executed_by_the_firmwares_count"]
        == found["alerts_executed_by_the_firmwares_diary"]
    )
    assert found["processes_left"] == found["folders_left"] == 0
    assert max(found["engines"]) == 2
    for kind in ("descriptors", "threads"):
        half = len(found[kind]) // 2
        assert min(found[kind][half:]) <= min(found[kind][:half]), found


@pytest.mark.timeout(300)
def test_agent_lives_through_a_killed_engine_a_cut_link_and_a_stalled_camera(
    test_data: Path,
) -> None:
    judge(soaked(test_data, 12, hurry=10))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_half_an_hour_of_outages_leaks_nothing_and_doubles_no_alert(
    test_data: Path, proof: Any
) -> None:
    found = soaked(test_data, 1800, hurry=1)
    sizes = found["rss_mb"]
    # Within the first quarter buffers grow to their bounds.
    settled = sizes[len(sizes) // 4 :]
    worst = {name: max(found[name]) for name in BOUNDS_MS}
    figures = {name: figure for name, figure in found.items() if not isinstance(figure, list)}
    figures |= {f"worst_{name}": f"{worst[name]:.0f} of {BOUNDS_MS[name]}" for name in BOUNDS_MS}
    figures |= {
        f"{name}_from_the_first_quarter_on": f"{min(values)} to {max(values)}"
        for name in ("rss_mb", "descriptors", "threads", "engines")
        for values in [found[name][len(sizes) // 4 :]]
    }
    figures["load_average_of_15_minutes"] = round(os.getloadavg()[2], 1)
    figures["niceness"] = os.nice(0)
    figures["real_time_priority"] = os.sched_getparam(0).sched_priority
    proof("an agent lives through half an hour of outages", **figures)
    judge(found)
    assert max(settled) - settled[0] <= GROWTH_MB
    assert all(worst[name] <= most for name, most in BOUNDS_MS.items()), worst
