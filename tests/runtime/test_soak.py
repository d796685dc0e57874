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
NEXT_DETECTION_MS = 500
LINK_UP_MS = 2000
"""Within a second it is tried again."""
FRAME_AFTER_STALL_MS = 3000
"""The camera is being asked again when it comes back; then a stream has to begin."""
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
    assert found["engines_killed"] > 0
    assert found["deaths_not_told"] == 0
    assert found["links_cut"] > 0
    assert found["alerts"] > 0
    assert found["alerts_without_exactly_one_result"] == 0
    assert (
        found["alerts"]
        == found["alerts_acknowledged"]
        == found["alerts_executed_by_the_firmwares_count"]
        == found["alerts_executed_by_the_firmwares_diary"]
    )
    assert found["processes_left"] == found["folders_left"] == 0
    assert set(found["engines"]) == {2}
    for kind in ("descriptors", "threads"):
        half = len(found[kind]) // 2
        assert max(found[kind][half:]) <= max(found[kind][:half]), found
    return found


@pytest.mark.timeout(300)
def test_agent_lives_through_a_killed_engine_a_cut_link_and_a_stalled_camera(
    test_data: Path,
) -> None:
    found = soaked(test_data, 20, hurry=10)
    assert found["cameras_stalled"] > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_half_an_hour_of_outages_leaks_nothing_and_doubles_no_alert(
    test_data: Path, proof: Any
) -> None:
    found = soaked(test_data, 1800, hurry=1)
    for name in ("next_detection_ms", "link_up_after_plug_ms", "frame_after_stall_ms"):
        found[f"worst_{name}"] = round(max(found.pop(name)))
    sizes = found.pop("rss_mb")
    # Within the first quarter buffers grow to their bounds.
    settled = sizes[len(sizes) // 4 :]
    found["rss_mb_after_a_quarter"], found["rss_mb_at_the_end"] = settled[0], settled[-1]
    found["most_rss_mb"] = max(sizes)
    for name in ("descriptors", "threads", "engines"):
        values = found.pop(name)
        found[f"{name}_least_to_most"] = f"{min(values)} to {max(values)}"
    found["load_average_of_15_minutes"] = round(os.getloadavg()[2], 1)
    found["niceness"] = os.nice(0)
    proof("an agent lives through half an hour of outages", **found)
    assert found["worst_next_detection_ms"] <= NEXT_DETECTION_MS
    assert found["worst_link_up_after_plug_ms"] <= LINK_UP_MS
    assert found["worst_frame_after_stall_ms"] <= FRAME_AFTER_STALL_MS
    assert found["most_rss_mb"] - found["rss_mb_after_a_quarter"] <= GROWTH_MB
