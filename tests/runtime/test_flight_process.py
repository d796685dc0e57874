"""A flight of a real run through the real pipeline again: the same, or the first that is not."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgecore
from edgecore.agent import Agent, EventLog
from edgecore.agent.config import TrackerSettings
from edgecore.errors import EdgecoreError, FlightError
from edgecore.flight import FlightRecorder, file, recorder, replay
from edgecore.model import embedded
from edgecore.rules import CollisionRule, RuleSet, rule_tables
from firmware_bridge import recording as link_recording
from firmware_bridge.decoding import readings
from firmware_bridge.recording import MEMBER, Piece, Recorder, Recording

from .flight_parts import LOG, flights, log_of
from .test_flight_replay import edgecore as command

NOTHING_TOLD: Any = lambda *_, **__: None  # noqa: E731
Lines = list[dict[str, Any]]
CAMERA = "rtsp://camera.example/"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine seconds of the road beside a simulated firmware, up to an alert and after it.

    Not one frame is lost, however busy the machine is.
    """
    folder = tmp_path_factory.mktemp("run")
    (folder / "agent.toml").write_text("[flight]\nbefore_s = 300\nafter_s = 300\n")
    done = command(
        *("run", "--config", folder / "agent.toml", "--annotate", "none", "--out", folder),
        *("--source", "synthetic:?realtime=0&duration=9"),
    )
    assert done.returncode == 0, done.stderr
    return next(
        path
        for path in flights(folder / "flights")
        if "alert" in {trigger["kind"] for trigger in log_of(path)[0]["triggers"]}
    )


def copy(path: Path, to: Path, **members: bytes) -> Path:
    """A flight with other members of these names."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, members.get(name, source.read(name)))
    return to


def edited(path: Path, to: Path, change: Callable[[Lines], Any]) -> Path:
    lines = log_of(path)
    change(lines)
    return copy(path, to, **{LOG: "\n".join(map(json.dumps, lines)).encode()})


@pytest.fixture(scope="module")
def short(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of it the seconds around the alert, from the state before them on."""

    def cut(lines: Lines) -> None:
        alert = next(n for n, line in enumerate(lines) if line.get("events"))
        states = [n for n, line in enumerate(lines) if line["record"] == "state"]
        del lines[alert + 20 :]
        del lines[1 : max(n for n in states if n < alert - 20)]

    return edited(recorded, tmp_path_factory.mktemp("short") / "short.zip", cut)


@pytest.fixture(scope="module")
def stated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty frames of the road, each with the states before it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "STATE_EVERY_NS", 0)
        return record(tmp_path_factory.mktemp("stated") / "flights", "synthetic:")[0]


def begin_late(lines: Lines) -> None:
    """Take out what lies before the twentieth frame's state."""
    del lines[1 : [n for n, line in enumerate(lines) if line["record"] == "state"][20]]


def frames_of(lines: Lines) -> Lines:
    return [line for line in lines if line["record"] == "frame"]


def with_boxes(lines: Lines) -> dict[str, Any]:
    """The first frame, behind the first tenth, in which something was found."""
    frames = frames_of(lines)
    return next(frame for frame in frames[len(frames) // 10 :] if frame["confidence"])


def test_a_run_goes_through_the_pipeline_again_and_comes_to_the_same_to_the_last_bit(
    recorded: Path,
) -> None:
    outcome = replay(recorded, pixels=True)
    assert outcome.divergence is None
    assert outcome.detected == outcome.frames == len(frames_of(log_of(recorded))) == 180
    assert (outcome.missing, outcome.altered, outcome.gaps, outcome.skipped) == (0, 0, 0, 0)
    alerts = [event for event in outcome.events if event["alert"]]
    assert [event["rule"] for event in alerts] == ["collision"]
    assert outcome.events == [e for frame in frames_of(log_of(recorded)) for e in frame["events"]]
    assert outcome.link is not None
    assert outcome.link.divergence is None
    assert outcome.link.records > 50


def test_the_command_says_how_much_of_it_was_run_again(short: Path) -> None:
    done = command("replay", short, "--pixels")
    assert done.returncode == 0, done.stderr
    count = len(frames_of(log_of(short)))
    assert f"{count} frames through the detector again" in done.stdout
    assert "records in the bytes of the link" in done.stdout


def test_a_flight_that_begins_amid_a_run_goes_on_from_the_state_of_its_tracker(
    tmp_path: Path, stated: Path
) -> None:
    path = edited(stated, tmp_path / "late.zip", begin_late)
    assert log_of(path)[1]["tracker"]["tracks"], "there is something to go on from"
    outcome = replay(path, pixels=True)
    assert (outcome.divergence, outcome.frames, outcome.detected) == (None, 20, 20)
    fresh = edited(
        path, tmp_path / "fresh.zip", lambda lines: lines[1]["tracker"].update(tracks=[])
    )
    found = replay(fresh, pixels=True).divergence
    assert found is not None
    assert "detections[0].tracker_id" in found.fields


def test_the_last_bit_of_a_confidence_counts_and_is_allowed_to_the_lax(
    tmp_path: Path, short: Path
) -> None:
    number = with_boxes(log_of(short))["frame"]

    def nudge(lines: Lines) -> None:
        frame = with_boxes(lines)
        frame["confidence"][0] *= 1 + 2**-23

    path = edited(short, tmp_path / "edited.zip", nudge)
    found = replay(path, pixels=True).divergence
    assert found is not None
    assert (found.number, set(found.fields)) == (number, {"detections[0].confidence"})
    assert [ours.frame for ours, _ in found.before] == [number - 3, number - 2, number - 1]
    done = command("replay", path, "--pixels")
    assert done.returncode == 1
    assert f"frame {number} differs:\n  detections[0].confidence: 0." in done.stdout
    assert replay(path, pixels=True, mode="lax").divergence is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda frame: frame["confidence"].__setitem__(0, 0.1), "detections[0].confidence"),
        (lambda frame: frame["xyxy"].__setitem__(0, [0.0, 0.0, 9.0, 9.0]), "detections[0]"),
        (lambda frame: frame["class_name"].__setitem__(0, "bear"), "detections[0]"),
        (
            lambda frame: [
                frame[name].pop(0)
                for name in ("xyxy", "confidence", "class_id", "class_name", "tracker_id")
            ],
            "detections: new 0",
        ),
    ],
)
def test_another_detection_is_another_one_to_the_lax_too(
    tmp_path: Path, short: Path, change: Callable[[dict[str, Any]], Any], field: str
) -> None:
    number = with_boxes(log_of(short))["frame"]
    path = edited(short, tmp_path / "x.zip", lambda lines: change(with_boxes(lines)))
    found = replay(path, pixels=True, mode="lax").divergence
    assert found is not None
    assert (found.number, list(found.fields)) == (number, [field])


def test_an_event_taken_out_is_missed_by_the_lax_at_its_frame(
    tmp_path: Path, recorded: Path
) -> None:
    alert = next(frame for frame in frames_of(log_of(recorded)) if frame["events"])
    last = frames_of(log_of(recorded))[-1]["frame"]

    def move(lines: Lines, by: int) -> None:
        frames = {frame["frame"]: frame for frame in frames_of(lines)}
        frames[alert["frame"] + by]["events"] = alert["events"]
        frames[alert["frame"]]["events"] = []

    near = edited(recorded, tmp_path / "near.zip", lambda lines: move(lines, -2))
    assert replay(near).divergence is not None
    assert replay(near, mode="lax").divergence is None
    for by in (-20, last - alert["frame"]):
        far = edited(recorded, tmp_path / "far.zip", lambda lines, by=by: move(lines, by))
        found = replay(far, mode="lax").divergence
        assert found is not None
        first = min(alert["frame"], alert["frame"] + by)
        assert found.number == first
        assert set(found.fields["events: collision"]) == {"alert", None}


def test_other_pixels_are_named_and_counted_where_they_are_allowed(
    tmp_path: Path, short: Path
) -> None:
    number = frames_of(log_of(short))[7]["frame"]

    def alter(lines: Lines) -> None:
        frames_of(lines)[7]["pixels"]["crc32"][1] ^= 1

    path = edited(short, tmp_path / "edited.zip", alter)
    found = replay(path, pixels=True).divergence
    assert found is not None
    assert (found.number, set(found.fields)) == (number, {"pixels[1]"})
    outcome = replay(path, pixels=True, mode="lax")
    assert (outcome.altered, outcome.divergence) == (1, None)


def test_frames_that_the_source_does_not_have_are_named_and_counted_where_they_are_allowed(
    tmp_path: Path, short: Path
) -> None:
    number = frames_of(log_of(short))[7]["frame"]

    def lose(lines: Lines) -> None:
        for frame in frames_of(lines)[7:9]:
            frame["label"] = "synthetic#0"  # before the others

    path = edited(short, tmp_path / "edited.zip", lose)
    found = replay(path, pixels=True).divergence
    assert found is not None
    assert (found.number, found.right, found.fields) == (number, None, {"frame": (number, None)})
    outcome = replay(path, pixels=True, mode="lax")
    assert (outcome.missing, outcome.divergence) == (2, None)
    assert outcome.detected == outcome.frames - 2


def test_a_model_that_the_caller_names_is_run_whatever_the_file_says(
    tmp_path: Path, short: Path
) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(embedded().read_bytes())
    path = edited(short, tmp_path / "x.zip", lambda lines: lines[0].update(model_sha256="00"))
    assert replay(path, pixels=True, model=str(other)).divergence is None


def test_another_road_parts_from_the_first_frame_on(short: Path) -> None:
    first = frames_of(log_of(short))[0]["frame"]
    for mode in ("strict", "lax"):
        done = command("replay", short, f"--{mode}", "--source", "synthetic:?seed=9")
        assert done.returncode == 1
        assert f"\nframe {first} differs:\n" in done.stdout


# --- The link ---


def test_the_bytes_of_the_link_are_a_recording_for_every_tool(recorded: Path) -> None:
    recording = Recording(recorded)
    said = list(readings(recording))
    assert recording.cut is None
    assert [reading.error for reading in said if reading.error] == []
    assert {"imu", "vehicle", "status", "Alert"} <= {reading.message for reading in said}
    assert {reading.direction for reading in said} == {"from_device", "to_device"}
    triggered = log_of(recorded)[0]["triggers"][0]["t_ns"]
    times = [reading.t_ns or 0 for reading in said]
    assert times[0] < triggered < times[-1]
    done = command("link", "decode", recorded)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= len(said)
    assert command("link", "compare", recorded, recorded).stdout == "alike\n"


def with_link(path: Path, to: Path, change: Callable[[list[Piece]], Any]) -> Path:
    """A flight with other bytes of its link."""
    recording = Recording(path)
    pieces = list(recording)
    change(pieces)
    other = to.with_suffix(".pcapng")
    with Recorder(other, url="edited", device=recording.device) as recorder:
        recorder.table(recording.schema)
        for piece in pieces:
            recorder.add(*piece)
    return copy(path, to, **{MEMBER: other.read_bytes()})


def test_a_changed_byte_of_the_link_shows_the_record_that_is_not_there(
    tmp_path: Path, recorded: Path
) -> None:
    said = list(readings(Recording(recorded)))
    at = [n for n, reading in enumerate(said) if reading.message == "vehicle"][40]
    t_us = said[at].records[0]["t_us"]

    def flip(pieces: list[Piece]) -> None:
        data = bytearray(pieces[at].data)
        data[-6] ^= 0x10 if data[-6] not in (0, 0x10) else 0x21
        pieces[at] = pieces[at]._replace(data=bytes(data))

    path = with_link(recorded, tmp_path / "edited.zip", flip)
    outcome = replay(path)
    assert outcome.divergence is None
    assert outcome.link is not None
    found = outcome.link.divergence
    assert found is not None
    assert found.left is not None
    assert (found.left.message, found.left.fields["t_us"]) == ("vehicle", t_us)
    assert found.right is None
    done = command("replay", path)
    assert done.returncode == 1
    assert "in the bytes of the link" in done.stdout
    assert f"vehicle t_us={t_us}" in done.stdout
    assert "(no such record)" in done.stdout
    assert command("link", "compare", recorded, path).returncode == 1


def test_a_changed_table_of_messages_is_not_the_one_that_the_device_named(
    tmp_path: Path, recorded: Path
) -> None:
    with zipfile.ZipFile(recorded) as archive:
        content = archive.read(MEMBER)
    assert content.count(b"speed_mps") >= 1
    path = copy(
        recorded, tmp_path / "x.zip", **{MEMBER: content.replace(b"speed_mps", b"speed_kmh", 1)}
    )
    outcome = replay(path)
    assert outcome.link is not None
    found = outcome.link.divergence
    assert found is not None
    assert found.right is None
    said, written = found.fields["schema_hash"]
    assert said == Recording(recorded).schema.hash != written


def test_bytes_that_begin_amid_a_session_are_compared_from_there_on(
    tmp_path: Path, recorded: Path
) -> None:
    def cut(pieces: list[Piece]) -> None:
        del pieces[: len(pieces) // 2]

    path = with_link(recorded, tmp_path / "late.zip", cut)
    outcome, whole = replay(path), replay(recorded)
    assert outcome.alike
    assert outcome.link is not None
    assert whole.link is not None
    assert 0.3 < outcome.link.records / whole.link.records < 0.7


# --- Frames that are kept ---


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
        copy(path, tmp_path / "x.zip", **{kept[3]: bytes(content)}), pixels=True
    ).divergence
    assert found is not None
    assert found.number == 28
    assert "pixels[0]" in found.fields
    with pytest.raises(FlightError, match=r"line \d+: pixels: .*got 5"):
        replay(copy(path, tmp_path / "y.zip", **{kept[3]: b"short"}), pixels=True)


def test_a_live_source_of_which_no_frame_was_kept_is_refused_with_what_would_do(
    tmp_path: Path,
) -> None:
    path, _ = record(tmp_path / "none", CAMERA)
    with pytest.raises(FlightError, match=r"got none; and its source does not give .*rtsp://cam"):
        replay(path, pixels=True)
    same = replay(path, pixels=True, source="synthetic:")
    assert (same.divergence, same.detected) == (None, 40)


# --- Hostile files ---


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda head: head.pop("tracker"), "tracker: expected a table, got None"),
        (lambda head: head.update(tracker={"lost_s": -1}), "tracker: lost_s: expected 0 to 3600"),
        (lambda head: head.update(tracker={"code": "x"}), "tracker: .*unexpected keyword .*code"),
        (lambda head: head.update(url="rtsp://x/"), "its source does not give its frames again"),
        (lambda head: head.update(url="/dev/zero"), "its source does not give its frames again"),
        (lambda head: head.update(url=7), "its source does not give its frames again: 7"),
        (lambda head: head.update(options=[]), "options, detector: expected tables"),
        (lambda head: head.update(options={"num_threads": -3}), "num_threads"),
        (lambda head: head.update(detector={"engine": "evil"}), "options: engine must be one of"),
        (lambda head: head.update(model_file=7), "model_file: expected a text or null, got 7"),
        (lambda head: head.update(model_file="/nowhere.tflite"), "nowhere.tflite"),
        (lambda head: head.update(model_sha256="00"), "road.tflite to have the SHA-256 '00', got"),
    ],
)
def test_a_head_that_makes_no_sense_is_refused(
    tmp_path: Path, short: Path, change: Callable[[dict[str, Any]], Any], complaint: str
) -> None:
    path = edited(short, tmp_path / "x.zip", lambda lines: change(lines[0]))
    with pytest.raises(EdgecoreError, match=complaint):
        replay(path, pixels=True)


def test_no_accelerator_is_taken_from_a_file(tmp_path: Path, short: Path) -> None:
    def seduce(lines: Lines) -> None:
        lines[0]["options"]["accelerator"] = f"external:{tmp_path}/evil.so"
        lines[0]["detector"]["accelerator"] = f"external:{tmp_path}/evil.so"
        del lines[40:]

    assert replay(edited(short, tmp_path / "x.zip", seduce), pixels=True).divergence is None


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
        (lambda state: state["tracks"][0].__setitem__(7, -1.0), "covariances that can be"),
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
        replay(edited(stated, tmp_path / "x.zip", late), pixels=True)


def test_members_too_large_or_damaged_are_refused(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content, complaint in (
        (b"", "no recording; expected a pcapng file"),
        (b"x" * 100, "no recording; expected a pcapng file"),
        (struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28), "but not of `edgecore"),
    ):
        path = copy(short, tmp_path / "x.zip", **{MEMBER: content})
        with pytest.raises(FlightError, match=complaint):
            replay(path)
    whole = bytearray(short.read_bytes())
    with zipfile.ZipFile(short) as archive:
        at = archive.getinfo(MEMBER)
        whole[at.header_offset + at.compress_size // 2] ^= 1
    (tmp_path / "flipped.zip").write_bytes(whole)
    with pytest.raises(FlightError, match="damaged"):
        replay(tmp_path / "flipped.zip")
    monkeypatch.setattr(link_recording, "MEMBER_MAX", 1000)
    with pytest.raises(FlightError, match=r"expected at most 1000 bytes of link\.pcapng, got"):
        replay(short)


def test_a_recorder_names_the_link_as_its_readers_do() -> None:
    assert file.LINK == MEMBER
