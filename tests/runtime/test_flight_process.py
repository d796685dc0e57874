"""A flight of a real run through the real pipeline again: the same, or the first that is not."""

from __future__ import annotations

import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgecore.errors import EdgecoreError, FlightError
from edgecore.flight import file, replay
from edgecore.model import embedded
from firmware_bridge import recording as link_recording
from firmware_bridge.decoding import readings
from firmware_bridge.recording import MEMBER, Piece, Recorder, Recording

from .firmware_process import Firmware
from .flight_parts import Lines, copied, flights, frames_of, log_of, rewritten
from .test_flight_replay import edgecore as command


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine seconds of the road beside a simulated firmware, up to an alert and after it.

    Not one frame is lost, and the firmware is up before the first, however busy the machine is.
    """
    folder = tmp_path_factory.mktemp("run")
    (folder / "agent.toml").write_text("[flight]\nbefore_s = 300\nafter_s = 300\n")
    firmware = Firmware(folder / "fw.sock", time.monotonic_ns())
    try:
        done = command(
            *("run", "--config", folder / "agent.toml", "--annotate", "none", "--out", folder),
            *("--source", "synthetic:?realtime=0&duration=9", "--link", firmware.url),
        )
    finally:
        firmware.kill()
    assert done.returncode == 0, done.stderr
    return next(
        path
        for path in flights(folder / "flights")
        if "alert" in {trigger["kind"] for trigger in log_of(path)[0]["triggers"]}
    )


@pytest.fixture(scope="module")
def short(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of it the seconds around the alert, from the state before them on."""

    def cut(lines: Lines) -> None:
        alert = next(n for n, line in enumerate(lines) if line.get("events"))
        states = [n for n, line in enumerate(lines) if line["record"] == "state"]
        del lines[alert + 20 :]
        del lines[1 : max(n for n in states if n < alert - 20)]

    return rewritten(recorded, tmp_path_factory.mktemp("short") / "short.zip", cut)


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


def test_the_last_bit_of_a_confidence_counts_and_is_allowed_to_the_lax(
    tmp_path: Path, short: Path
) -> None:
    number = with_boxes(log_of(short))["frame"]

    def nudge(lines: Lines) -> None:
        frame = with_boxes(lines)
        frame["confidence"][0] *= 1 + 2**-23

    path = rewritten(short, tmp_path / "edited.zip", nudge)
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
    path = rewritten(short, tmp_path / "x.zip", lambda lines: change(with_boxes(lines)))
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

    near = rewritten(recorded, tmp_path / "near.zip", lambda lines: move(lines, -2))
    assert replay(near).divergence is not None
    assert replay(near, mode="lax").divergence is None
    for by in (-20, last - alert["frame"]):
        far = rewritten(recorded, tmp_path / "far.zip", lambda lines, by=by: move(lines, by))
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

    path = rewritten(short, tmp_path / "edited.zip", alter)
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

    path = rewritten(short, tmp_path / "edited.zip", lose)
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
    path = rewritten(short, tmp_path / "x.zip", lambda lines: lines[0].update(model_sha256="00"))
    assert replay(path, pixels=True, model=str(other)).divergence is None


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("gone.mp4", "gone.mp4: no such file or folder"),
        ("gone/*.png", "gone/*.png: no file matches this pattern"),
        ("synthetic:?sed=1", "synthetic: unknown option 'sed'; did you mean seed?"),
    ],
)
def test_a_source_that_cannot_be_opened_is_told_of_before_anything_is_replayed(
    short: Path, source: str, complaint: str
) -> None:
    done = command("replay", short, "--source", source, "--model", "gone.tflite")
    assert (done.returncode, done.stderr) == (1, f"edgecore: {complaint}\n")


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
    return copied(path, to, **{MEMBER: other.read_bytes()})


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
    path = copied(
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
    assert outcome.alike, (outcome.divergence, outcome.link)
    assert outcome.link is not None
    assert whole.link is not None
    assert 0 < outcome.link.records < whole.link.records


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
    path = rewritten(short, tmp_path / "x.zip", lambda lines: change(lines[0]))
    with pytest.raises(EdgecoreError, match=complaint):
        replay(path, pixels=True)


def test_no_accelerator_is_taken_from_a_file(tmp_path: Path, short: Path) -> None:
    def seduce(lines: Lines) -> None:
        lines[0]["options"]["accelerator"] = f"external:{tmp_path}/evil.so"
        lines[0]["detector"]["accelerator"] = f"external:{tmp_path}/evil.so"
        del lines[40:]

    assert replay(rewritten(short, tmp_path / "x.zip", seduce), pixels=True).divergence is None


def test_members_too_large_or_damaged_are_refused(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content, complaint in (
        (b"", "no recording; expected a pcapng file"),
        (b"x" * 100, "no recording; expected a pcapng file"),
        (struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28), "but not of `edgecore"),
    ):
        path = copied(short, tmp_path / "x.zip", **{MEMBER: content})
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
