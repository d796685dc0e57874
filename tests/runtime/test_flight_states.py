"""Flights that begin amid a run, and flights of cameras: states and frames kept in them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgecore
from edgecore.agent import Agent, EventLog
from edgecore.agent.config import TrackerSettings
from edgecore.errors import FlightError
from edgecore.flight import FlightRecorder, file, recorder, replay, rerun
from edgecore.rules import CollisionRule, RuleSet, rule_tables

from .flight_parts import Lines, copied, flights, log_of, rewritten

NOTHING_TOLD: Any = lambda *_, **__: None  # noqa: E731
CAMERA = "rtsp://camera.example/"


def record(folder: Path, url: str, **settings: Any) -> tuple[Path, FlightRecorder]:
    """Two seconds of the road, as if they came from there."""
    rules, tracker = RuleSet({"collision": CollisionRule()}), TrackerSettings()
    detector = edgecore.Detector.from_file()
    about = {
        "url": url,
        "model_file": None,
        "detector": {"engine": detector.info.engine},
        "options": {},
        "tracker": {"class_aware": False, "high_threshold": 0.3},
        "rules": rule_tables(rules),
    }
    flight = FlightRecorder(folder, about, NOTHING_TOLD, after_s=600, pictures_per_s=0, **settings)
    road = edgecore.sources.open("synthetic:?realtime=0&duration=2")
    events = EventLog(folder.with_suffix(".jsonl"))
    agent = Agent(road, detector, events, rules=rules, tracker=tracker, flight=flight)
    flight.trigger("test")
    agent.run()
    events.close()
    return flights(folder)[0], flight


@pytest.fixture(scope="module")
def stated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty frames of the road, each with the states before it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "STATE_EVERY_NS", 0)
        return record(tmp_path_factory.mktemp("stated") / "flights", "synthetic:")[0]


def begin_late(lines: Lines) -> None:
    """Take out what lies before the twentieth frame's state."""
    del lines[1 : [n for n, line in enumerate(lines) if line["record"] == "state"][20]]


def test_a_flight_that_begins_amid_a_run_goes_on_from_the_state_of_its_tracker(
    tmp_path: Path, stated: Path
) -> None:
    path = rewritten(stated, tmp_path / "late.zip", begin_late)
    assert log_of(path)[1]["tracker"]["tracks"], "there is something to go on from"
    outcome = replay(path, pixels=True)
    assert (outcome.divergence, outcome.frames, outcome.detected) == (None, 20, 20)
    fresh = rewritten(
        path, tmp_path / "fresh.zip", lambda lines: lines[1]["tracker"].update(tracks=[])
    )
    found = replay(fresh, pixels=True).divergence
    assert found is not None
    assert "detections[0].tracker_id" in found.fields


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda state: state.update(newest_ns=-1), "state: expected 0 to 9223372036854775807"),
        (lambda state: state.update(next_id=2**31), "state: expected 1 to 2147483647"),
        (lambda state: state.update(tracks=[[1]]), "state: expected rows of 25 values"),
        (lambda state: state["tracks"][0].__setitem__(1, 2**40), "state: expected -2147483648 to"),
        (lambda state: state["tracks"][0].__setitem__(4, 1), "state: expected true or false"),
        (lambda state: state["tracks"][0].__setitem__(5, 1e300), "expected motion within 1e.09"),
        (lambda state: state["tracks"][0].__setitem__(5, None), "state: expected a finite number"),
        (lambda state: state["tracks"][0].__setitem__(15, 0.0), "expected a box with an inside"),
        (lambda state: state["tracks"][0].__setitem__(7, -1.0), "covariances that can be"),
        (lambda state: state["tracks"][0].__setitem__(9, 1e19), "covariances that can be"),
        (lambda state: state["tracks"][0].__setitem__(8, 1e9), "covariances that can be"),
        (lambda state: state.update(tracks=state["tracks"] * 513), "at most 512 tracks"),
    ],
)
def test_a_state_no_tracker_can_have_is_refused(
    tmp_path: Path, stated: Path, change: Callable[[dict[str, Any]], Any], complaint: str
) -> None:
    def late(lines: Lines) -> None:
        begin_late(lines)
        change(lines[1]["tracker"])

    with pytest.raises(FlightError, match=complaint):
        replay(rewritten(stated, tmp_path / "x.zip", late), pixels=True)


def test_kept_frames_go_through_the_detector_again_and_the_others_are_taken_as_recorded(
    tmp_path: Path,
) -> None:
    path, flight = record(
        tmp_path / "kept",
        CAMERA,
        lossless_per_s=1e6,
        lossless_bytes=15 * (640 * 384 * 3 // 2 + 1024),
    )
    outcome = replay(path, pixels=True)
    assert outcome.divergence is None
    assert (outcome.frames, outcome.detected) == (40, 15)
    assert flight.lossless.held_bytes <= 15 * (640 * 384 * 3 // 2 + 1024)
    with zipfile.ZipFile(path) as archive:
        kept = sorted(name for name in archive.namelist() if name.startswith("frames/"))
        content = bytearray(archive.read(kept[3]))
    assert kept == [file.frame_name(number) for number in range(25, 40)]
    content[5000] ^= 0xFF
    found = replay(
        copied(path, tmp_path / "x.zip", **{kept[3]: bytes(content)}), pixels=True
    ).divergence
    assert found is not None
    assert found.number == 28
    assert "pixels[0]" in found.fields
    with pytest.raises(FlightError, match=r"line \d+: pixels: .*got 5"):
        replay(copied(path, tmp_path / "y.zip", **{kept[3]: b"short"}), pixels=True)


def test_frames_that_cannot_be_had_do_not_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = record(tmp_path / "kept", CAMERA, lossless_per_s=1e6, lossless_bytes=1 << 20)
    monkeypatch.setattr(rerun, "MISSING_MAX", 30)
    with pytest.raises(FlightError, match=r"line \d+: expected at most 30 frames in a row"):
        replay(path, pixels=True)


def test_a_live_source_of_which_no_frame_was_kept_is_refused_with_what_would_do(
    tmp_path: Path,
) -> None:
    path, _ = record(tmp_path / "none", CAMERA)
    with pytest.raises(FlightError, match=r"got none; and its source does not give .*rtsp://cam"):
        replay(path, pixels=True)
    same = replay(path, pixels=True, source="synthetic:")
    assert (same.divergence, same.detected) == (None, 40)
