"""A flight judged again comes to the same, bit for bit; one that was changed shows where."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgecore.errors import EdgecoreError, FlightError
from edgecore.flight import FlightRecorder, replay
from edgecore.flight.lines import read_moment

from .firmware_process import ROOT, environment
from .flight_parts import ABOUT, LOG, Car, drive, edited, flights, log_of, with_log

FRAMES = 200


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flight of ten seconds of the scenario, with its alert."""
    folder = tmp_path_factory.mktemp("flights")
    flight = FlightRecorder(folder, ABOUT, lambda *_, **__: None, pictures_per_s=0, after_s=600)
    assert len(drive(flight, FRAMES)) == 1
    assert flight.close()
    return flights(folder)[0]


def frame_of(lines: list[dict[str, Any]], number: int) -> dict[str, Any]:
    return next(line for line in lines if line.get("frame") == number)


def rule_of(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The collision rule's first state."""
    state: dict[str, Any] = lines[1]["state"]["rules"]["collision"]
    return state


def alert_of(path: Path) -> dict[str, Any]:
    event: dict[str, Any]
    (event,) = (one for line in log_of(path) for one in line.get("events", ()))
    return event


def edgecore(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgecore.cli", *map(str, arguments)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )


def test_a_flight_comes_to_the_same_alert(recorded: Path) -> None:
    outcome = replay(recorded)
    assert outcome.divergence is None
    assert (outcome.frames, outcome.skipped) == (FRAMES, 0)
    assert outcome.events == [alert_of(recorded)]


def test_a_flight_that_begins_amid_an_episode_goes_on_from_the_recorded_state(
    tmp_path: Path, recorded: Path
) -> None:
    first, car = alert_of(recorded)["frame"] + 2, Car()
    unseen = FlightRecorder(tmp_path / "unseen", ABOUT, lambda *_, **__: None, pictures_per_s=0)
    drive(unseen, first, car=car)
    unseen.close()
    flight = FlightRecorder(tmp_path / "seen", ABOUT, lambda *_, **__: None, pictures_per_s=0)
    drive(flight, 20, first=first, car=car)
    flight.trigger("test")
    flight.close()
    (path,) = flights(tmp_path / "seen")
    outcome = replay(path)
    assert (outcome.frames, outcome.events, outcome.divergence) == (20, [], None)
    (state,) = (line["state"] for line in log_of(path) if line["record"] == "state")
    assert state["rules"]["collision"]["danger"] == "alerted"
    fresh = edited(path, lambda lines: rule_of(lines).update(danger="clear", under=0))
    assert replay(fresh).divergence is not None, "without the state it would alert again"


def test_frames_before_the_first_state_are_left_out(recorded: Path) -> None:
    def move(lines: list[dict[str, Any]]) -> None:
        lines.insert(6, lines.pop(1))
        rules = Car().rules
        for line in lines[1:6]:
            rules.judge(read_moment(line))
        lines[6]["state"] = rules.state()

    outcome = replay(edited(recorded, move))
    assert (outcome.frames, outcome.skipped, outcome.divergence) == (FRAMES - 5, 5, None)


def test_a_run_on_the_road_replays_to_its_alert_bit_for_bit(tmp_path: Path) -> None:
    # By its own clock no frame is missed, however slow the machine is.
    done = edgecore(
        *("run", "--source", "synthetic:?realtime=0&duration=11", "--link", "none"),
        *("--annotate", "none", "--out", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    alert = next(event for event in events if event["event"] == "alert")
    path = next(
        path
        for path in flights(tmp_path / "flights")
        if "alert" in {trigger["kind"] for trigger in log_of(path)[0]["triggers"]}
    )
    assert f"flight recorded: {path}" in done.stdout
    outcome = replay(path)
    assert outcome.divergence is None
    replayed = outcome.events[0]
    assert (replayed["frame"], replayed["t_ns"]) == (alert["frame"], alert["at_ns"])
    assert replayed["facts"] == {name: alert[name] for name in replayed["facts"]}
    again = edgecore("replay", path)
    assert again.returncode == 0, again.stderr
    assert f"frame {alert['frame']}: collision: alert, ttc_s {alert['ttc_s']}" in again.stdout
    assert f"{outcome.frames} frames, {len(outcome.events)} events: as recorded" in again.stdout


def test_a_run_without_flight_leaves_none(tmp_path: Path) -> None:
    done = edgecore(
        *("run", "--source", "synthetic:?realtime=0&duration=9", "--link", "none"),
        *("--no-flight", "--annotate", "none", "--out", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["alerts"] == 1
    assert "flights" not in summary
    assert not (tmp_path / "flights").exists()


def test_rules_of_a_file_are_judged_again_and_functions_are_named(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def often(moment):\n    yield moment.event('seen', people=len(moment.detections))\n"
    )
    (tmp_path / "rules.toml").write_text("""
        [[rule]]
        type = "function"
        name = "mine"
        function = "mine:often"

        [[rule]]
        type = "zone"
        polygon = [[0, 0], [1, 0], [1, 1], [0, 1]]
        alert = { level = 1 }
    """)
    (tmp_path / "agent.toml").write_text("[flight]\nafter_s = 300\n")  # however slow it is
    done = edgecore(
        *("run", "--source", "synthetic:?realtime=0&duration=3", "--link", "none"),
        *("--rules", tmp_path / "rules.toml", "--config", tmp_path / "agent.toml"),
        *("--annotate", "none", "--out", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / "mine.py").write_text("raise SystemExit('code of the recording was run')")
    (path,) = flights(tmp_path / "flights")
    outcome = replay(path)
    assert (outcome.frames, outcome.functions, outcome.divergence) == (60, ("mine",), None)
    assert {event["rule"] for event in outcome.events} == {"zone"}
    again = edgecore("replay", path)
    assert again.returncode == 0
    assert again.stdout.splitlines()[-1].endswith("not asked, being functions: mine")


def test_an_edited_box_shows_the_first_frame_that_comes_to_something_else(recorded: Path) -> None:
    number = alert_of(recorded)["frame"] - 2
    path = edited(recorded, lambda lines: frame_of(lines, number).update(class_name=["bicycle"]))
    found = replay(path).divergence
    assert found is not None
    assert found.number == number
    assert [one.frame for one, _ in found.before] == [number - 3, number - 2, number - 1]
    assert found.fields["view.collision.lead"] == (0, None)
    done = edgecore("replay", path)
    assert done.returncode == 1
    assert f"frame {number} differs:" in done.stdout
    assert "view.collision.lead: 0 | null" in done.stdout
    assert done.stdout.splitlines()[0].split() == ["recorded", "|", "replayed"]
    assert not done.stderr


def test_a_frame_taken_out_is_the_first_that_differs_and_counted_where_that_is_allowed(
    recorded: Path,
) -> None:
    path = edited(recorded, lambda lines: lines.remove(frame_of(lines, 50)))
    outcome = replay(path)
    found = outcome.divergence
    assert found is not None
    assert (outcome.frames, found.number, found.fields) == (50, 50, {"frame": (51, 50)})
    assert found.right is None
    done = edgecore("replay", path)
    assert done.returncode == 1
    assert "frame 50 differs:\n  frame: 51 | 50" in done.stdout
    allowed = replay(path, mode="lax")
    assert (allowed.frames, allowed.gaps, allowed.divergence) == (FRAMES - 1, 1, None)


def test_the_last_bit_of_a_time_to_collision_counts(recorded: Path) -> None:
    number = alert_of(recorded)["frame"] + 1
    ttc_s = frame_of(log_of(recorded), number)["view"]["collision"]["ttc_s"]
    nudged = ttc_s * (1 + 2**-52)
    assert nudged != ttc_s
    path = edited(
        recorded, lambda lines: frame_of(lines, number)["view"]["collision"].update(ttc_s=nudged)
    )
    found = replay(path).divergence
    assert found is not None
    assert (found.number, found.fields) == (number, {"view.collision.ttc_s": (nudged, ttc_s)})


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (lambda events: events.clear(), {"events[0]"}),
        (lambda events: events[0]["facts"].update(ttc_s=9.0), {"events[0].facts.ttc_s"}),
        (lambda events: events[0].update(bell=1), {"events[0].bell"}),
        (lambda events: events[0].update({"\x1b[2J": 1}), {"events[0].\x1b[2J"}),
        (lambda events: events.append({"rule": "\x1b[2J", "kind": "\x1b"}), {"events[1]"}),
    ],
)
def test_an_edited_alert_is_named_by_its_fields(
    recorded: Path, change: Callable[[list[Any]], None], fields: set[str]
) -> None:
    number = alert_of(recorded)["frame"]
    path = edited(recorded, lambda lines: change(frame_of(lines, number)["events"]))
    found = replay(path).divergence
    assert found is not None
    assert (found.number, set(found.fields)) == (number, fields)
    assert "\x1b" not in edgecore("replay", path).stdout


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda lines: lines[0].update(version=1), "expected 'edgecore flight', version 3, got"),
        (lambda lines: lines[0].pop("rules"), "rules: expected a list of tables, got None"),
        (lambda lines: lines[0].update(rules=[{"type": "x"}]), "type: expected one of collision"),
        (
            lambda lines: lines[0]["rules"][0].update({"\x1b": 1}),
            "rule collision.\\x1b: unknown key",
        ),
        (lambda lines: lines[0]["rules"][0].update(ttc_s=-1), "ttc_s: expected a number from 0.1"),
        (lambda lines: lines.clear(), "its log is empty"),
        (lambda lines: lines.__delitem__(slice(1, None)), "frames after it, got none"),
        (lambda lines: lines[1].update(state=[]), "line 2: state: expected a table of rules, fail"),
        (lambda lines: lines[1]["state"].update(rules=1), "line 2: state: expected two tables"),
        (
            lambda lines: lines[1]["state"].update(rules={}),
            "line 2: state: expected a table of dan",
        ),
        (lambda lines: rule_of(lines).update(danger="dire"), "'dire' is not a valid Danger"),
        (lambda lines: rule_of(lines).update(under=2**64), "expected a whole number of 64 bits"),
        (lambda lines: rule_of(lines).update(track=[[1.0]]), "expected rows of 7 values"),
        (
            lambda lines: rule_of(lines).update(track=[[0, 1.0, 1.0, 1.0, 1.0, False, False]]),
            "line 2: state: expected a box with an inside",
        ),
        (
            lambda lines: rule_of(lines).update(track=[[0, 1.0, 1.0, 2.0, 2.0, 0, False]]),
            "line 2: state: expected true or false, got 0",
        ),
        (lambda lines: frame_of(lines, 3).update(tracker_id=[]), "tracker_id: expected 1 whole"),
        (lambda lines: frame_of(lines, 3).update(records=1), "records: expected a table, got 1"),
        (
            lambda lines: frame_of(lines, 3).update(records={"a": {"fields": [["b", "O"]]}}),
            "records.a: expected names and types of fields",
        ),
        (
            lambda lines: frame_of(lines, 3).update(
                records={"a": {"fields": [["b", "<i2"]], "rows": [[2**70]]}}
            ),
            "line 6: records.a: ",
        ),
        (lambda lines: frame_of(lines, 3).update(events=["x"]), "events: expected a list of tab"),
        (lambda lines: frame_of(lines, 3).update(size=[0, 5]), "size: expected two sides of 1 to"),
        (lambda lines: frame_of(lines, 3).update(t_ns=2**70), "t_ns: expected a whole number"),
        (lambda lines: frame_of(lines, 3).update(speed_mps="x"), "speed_mps: expected a number"),
        (lambda lines: frame_of(lines, 3).update(xyxy=[[1.0]]), "xyxy: expected 4 numbers within"),
        (lambda lines: frame_of(lines, 3).update(xyxy=[]), "expected one length, got [0, 1, 1, 1]"),
        (lambda lines: frame_of(lines, 3).update(confidence=[1e300]), "confidence: expected numb"),
        (lambda lines: frame_of(lines, 3).update(class_name=[7]), "class_name: expected texts"),
        (lambda lines: frame_of(lines, 3).update(class_id=[2**40]), "class_id: expected whole"),
        (lambda lines: frame_of(lines, 3).update(class_id=7), "class_id: expected a list, got 7"),
        (lambda lines: frame_of(lines, 3).update(view=None), "view: expected a table, got None"),
    ],
)
def test_a_hostile_log_is_refused_with_its_line(
    recorded: Path, change: Callable[[list[dict[str, Any]]], Any], complaint: str
) -> None:
    with pytest.raises(FlightError) as caught:
        replay(edited(recorded, change))
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("log", "complaint"),
    [
        (b"[1]", "line 1: expected an object, got [1]"),
        (b"[" * 100_000, "line 1: not JSON"),
        (b"\xff\xfe", "line 1: not JSON"),
        (b"1" * (17 << 20), "line 1: expected at most"),
    ],
)
def test_a_log_that_is_none_is_refused(tmp_path: Path, log: bytes, complaint: str) -> None:
    with pytest.raises(FlightError) as caught:
        replay(with_log(tmp_path / "x.zip", log))
    assert complaint in str(caught.value)


def test_what_is_no_flight_is_one_clear_line(tmp_path: Path, recorded: Path) -> None:
    (tmp_path / "text").write_text("not a flight")
    (tmp_path / "cut").write_bytes(recorded.read_bytes()[:-1000])
    whole = bytearray(recorded.read_bytes())
    whole[len(whole) // 2] ^= 1
    (tmp_path / "flipped").write_bytes(whole)
    with zipfile.ZipFile(tmp_path / "other", "w") as archive:
        archive.writestr("other.txt", "x")
    for name, complaint in {
        "absent": "cannot be read: No such file",
        "text": "not a flight, cut off or damaged",
        "cut": "not a flight, cut off or damaged",
        "flipped": "not a flight, cut off or damaged",
        "other": f"not a flight: there is no {LOG} in it",
    }.items():
        done = edgecore("replay", tmp_path / name)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"edgecore: {tmp_path / name}: ")
        assert complaint in line


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_refused_or_judged_never_a_crash(
    tmp_path: Path, recorded: Path, data: st.DataObject
) -> None:
    inside = data.draw(st.booleans())
    with zipfile.ZipFile(recorded) as archive:
        content = bytearray(archive.read(LOG) if inside else recorded.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        near_an_end = data.draw(st.sampled_from((0, len(content) - 400)))
        place = near_an_end + data.draw(st.integers(0, 399))
        content[place] = data.draw(st.sampled_from(b'\x00\xff[]{}"0-9eN,:.') | st.integers(0, 255))
    path = tmp_path / "damaged.zip"
    if inside:
        with_log(path, bytes(content))
    else:
        path.write_bytes(content)
    said, frames = None, 0
    try:
        frames = replay(path).frames
    except EdgecoreError as error:
        said = str(error)
    assert said is None or str(path) in said
    assert frames <= FRAMES
