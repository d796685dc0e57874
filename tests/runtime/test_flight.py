"""The flight recorder: what happened is on disk, and neither disk nor flood harms the agent."""

from __future__ import annotations

import json
import resource
import threading
import time
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgecore.agent import Agent, EventLog
from edgecore.agent.config import AlertSettings
from edgecore.agent.uplink import Uplink
from edgecore.detections import Detections
from edgecore.errors import EngineError
from edgecore.flight import FlightRecorder, replay
from edgecore.flight.recorder import TRIGGERS, TRIGGERS_LISTED
from edgecore.frame import Frame

from .agent_parts import BRAKE_S, Clockwork, HangingDetector, IdealDetector
from .firmware_process import firmware_before, wait_for_scene
from .flight_parts import ABOUT, Car, drive, flights, log_of


class Told:
    """Remembers what the recorder says, and can keep its thread waiting."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.free = threading.Event()
        self.free.set()
        self.came = threading.Event()

    def __call__(self, event: str, **facts: Any) -> None:
        self.said.append((event, facts))
        self.came.set()
        assert self.free.wait(60)


def recorder(folder: Path, told: Told, **settings: Any) -> FlightRecorder:
    return FlightRecorder(folder, ABOUT, told, **settings)


def records(path: Path, kind: str) -> list[dict[str, Any]]:
    return [line for line in log_of(path) if line["record"] == kind]


def test_an_agent_leaves_a_flight_of_its_alert_with_telemetry_events_and_pictures(
    tmp_path: Path,
) -> None:
    events = EventLog(tmp_path / "events.jsonl")
    with firmware_before(tmp_path, BRAKE_S - 1) as (firmware, epoch_ns):
        uplink = Uplink(firmware.url, AlertSettings(deadline_s=20), events)
        flight = FlightRecorder(tmp_path / "flights", ABOUT, events.write)
        wait_for_scene(epoch_ns, BRAKE_S - 1)
        agent = Agent(Clockwork(4.0), IdealDetector(epoch_ns), events, uplink=uplink, flight=flight)
        summary = agent.run()
    events.close()
    (path,) = flights(tmp_path / "flights")
    told = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    (alert,) = (event for event in told if event["event"] == "alert")
    assert {"flight", "run_ended"} <= {event["event"] for event in told}
    assert (summary["flights"], summary["flights_failed"]) == (1, 0)
    head = log_of(path)[0]
    assert (head["format"], head["version"], head["source"]) == ("edgecore flight", 3, "a drive")
    assert [(one["kind"], one["frame"]) for one in head["triggers"]] == [("alert", alert["frame"])]
    frames = records(path, "frame")
    assert [frame["frame"] for frame in frames] == list(range(80))
    assert frames[-1]["speed_mps"] > 0
    assert frames[-1]["link"] == "up"
    (event,) = frames[alert["frame"]]["events"]
    assert (event["rule"], event["t_ns"]) == ("collision", alert["at_ns"])
    assert event["facts"] == {name: alert[name] for name in event["facts"]}
    batches = [frame["records"] for frame in frames]
    assert {"imu", "vehicle", "status"} <= {kind for batch in batches for kind in batch}
    for table in (table for batch in batches for table in batch.values()):
        assert all(len(row) == len(table["fields"]) for row in table["rows"])
    assert "alert_result" in {event["event"] for event in records(path, "event")}
    with zipfile.ZipFile(path) as archive:
        pictures = [name for name in archive.namelist() if name.endswith(".jpg")]
        assert len(pictures) >= 5
        assert Image.open(BytesIO(archive.read(pictures[0]))).size == (320, 192)
    assert replay(path).events == [event]


def test_a_hang_leaves_a_flight_of_the_frames_before_it(tmp_path: Path) -> None:
    events = EventLog(tmp_path / "events.jsonl")
    flight = FlightRecorder(tmp_path / "flights", ABOUT, events.write, after_s=0)
    agent = Agent(Clockwork(60), HangingDetector(time.monotonic_ns()), events, flight=flight)
    agent.run(tick=lambda: agent.stop("enough") if flights(tmp_path / "flights") else None)
    events.close()
    (path,) = flights(tmp_path / "flights")
    assert "stalled" in path.name
    assert len(records(path, "frame")) == 19


@pytest.mark.parametrize("kind", sorted(TRIGGERS - {"alert"}))
def test_faults_trigger_a_flight_once_there_are_frames(tmp_path: Path, kind: str) -> None:
    told = Told()
    flight = recorder(tmp_path, told, after_s=600)
    flight.event({"event": kind, "reason": "too early"})
    drive(flight, 30)
    flight.event({"event": "firmware_active"})
    flight.event({"event": kind, "reason": "it broke"})
    flight.event({"event": "link_up"})
    assert flight.close()
    (path,) = flights(tmp_path)
    assert path.name == f"flight-000001-{kind}.zip"
    assert [one["kind"] for one in log_of(path)[0]["triggers"]] == [kind]
    assert [one["event"] for one in records(path, "event")] == [
        *(kind, "firmware_active", kind, "link_up")
    ]
    assert told.said == [("flight", {"trigger": kind, "path": str(path)})]


def test_firmware_that_was_never_active_triggers_nothing(tmp_path: Path) -> None:
    flight = recorder(tmp_path, Told())
    drive(flight, 5)
    flight.event({"event": "firmware_safe"})
    assert flight.close()
    assert flights(tmp_path) == []


class FailingOnce(IdealDetector):
    """Fails at its fifteenth frame."""

    def __init__(self) -> None:
        super().__init__(time.monotonic_ns())
        self._frames = 0

    def detect(self, frame: Frame) -> Detections:
        self._frames += 1
        if self._frames == 15:
            raise EngineError("the accelerator was unplugged")
        return super().detect(frame)


def test_an_error_of_the_engine_leaves_a_flight_that_goes_on_after_it(tmp_path: Path) -> None:
    events = EventLog(tmp_path / "events.jsonl")
    flight = FlightRecorder(tmp_path / "flights", ABOUT, events.write)
    Agent(Clockwork(1.5), FailingOnce(), events, flight=flight).run()
    events.close()
    (path,) = flights(tmp_path / "flights")
    assert "engine_error" in path.name
    (error,) = (one for one in records(path, "event") if one["event"] == "engine_error")
    assert "the accelerator was unplugged" in error["reason"]
    assert replay(path).frames == len(records(path, "frame")) > 15


def test_a_call_triggers_a_flight_and_a_name_no_file_can_have_is_refused(tmp_path: Path) -> None:
    flight = recorder(tmp_path, Told())
    drive(flight, 30)
    flight.trigger("driver_pressed", button=3)
    for name in ("", "../x", "Big", "a" * 33, "a-b"):
        with pytest.raises(ValueError, match="expected 1 to 32 small letters"):
            flight.trigger(name)
    assert flight.close()
    (path,) = flights(tmp_path)
    assert log_of(path)[0]["triggers"][0]["button"] == 3


def test_what_comes_after_a_trigger_is_in_its_flight(tmp_path: Path) -> None:
    told = Told()
    flight, car = recorder(tmp_path, told, after_s=1.0), Car()
    drive(flight, 10, car=car)
    flight.trigger("test")
    drive(flight, 10, first=10, car=car)
    assert told.came.wait(30), "written by itself, without close"
    drive(flight, 10, first=20, car=car)
    assert flight.close()
    (path,) = flights(tmp_path)
    assert [frame["frame"] for frame in records(path, "frame")] == list(range(20))


def test_while_a_flight_cannot_be_finished_frames_go_on_and_triggers_wait_in_one_more(
    tmp_path: Path,
) -> None:
    told = Told()
    told.free.clear()
    flight = recorder(tmp_path, told, after_s=0, memory_bytes=1 << 20, pictures_per_s=1e6)
    car = Car()
    drive(flight, 10, car=car)
    flight.trigger("first")
    assert told.came.wait(30)
    drive(flight, 500, first=10, car=car)  # the recorder's thread does not come back
    for _ in range(3 * TRIGGERS_LISTED):
        flight.trigger("second")
    assert flight.ring.held_bytes <= 1 << 20
    assert flight.pictures_dropped > 400
    told.free.set()
    assert flight.close()
    first, second = flights(tmp_path)
    assert [first.name, second.name] == ["flight-000001-first.zip", "flight-000002-alert.zip"]
    assert len(log_of(second)[0]["triggers"]) == TRIGGERS_LISTED


def test_a_flight_that_is_not_written_in_time_is_a_failure_of_the_run(tmp_path: Path) -> None:
    class Hurried(FlightRecorder):
        def close(self, timeout_s: float = 0.05) -> bool:
            return super().close(timeout_s)

    told = Told()
    told.free.clear()
    flight = Hurried(tmp_path / "flights", ABOUT, told)
    flight.trigger("drill")
    events = EventLog(tmp_path / "events.jsonl")
    detector = IdealDetector(time.monotonic_ns())
    summary = Agent(Clockwork(0.2), detector, events, flight=flight).run()
    assert summary["failure"] == "the last flight was not written in time"
    assert summary["ended"] == "failure"
    told.free.set()


def test_a_full_disk_is_told_leaves_nothing_behind_and_the_next_flight_is_written(
    tmp_path: Path,
) -> None:
    told = Told()
    flight, car = recorder(tmp_path, told, after_s=0), Car()
    drive(flight, 60, car=car)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))
    try:
        flight.trigger("test")
        assert told.came.wait(30)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert told.said == [("flight_failed", {"trigger": "test", "reason": "File too large"})]
    assert list(tmp_path.iterdir()) == []
    drive(flight, 5, first=60, car=car)
    flight.trigger("test")
    assert flight.close()
    assert flight.summary() == {"flights": 1, "flights_failed": 1}
    assert replay(flights(tmp_path)[0]).frames == 65


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = Told()
    flight = recorder(tmp_path / "file", told)
    drive(flight, 5)
    flight.trigger("test")
    assert flight.close()
    ((event, facts),) = told.said
    assert (event, facts["reason"]) == ("flight_failed", "File exists")


def test_a_link_that_fails_is_told_leaves_nothing_behind_and_the_next_flight_is_written(
    tmp_path: Path,
) -> None:
    told, fails = Told(), [True]

    def blocks() -> Iterator[bytes]:
        yield b"begun"
        if fails.pop():
            raise RuntimeError("the port is gone")

    flight, car = recorder(tmp_path, told, after_s=0, link=blocks), Car()
    drive(flight, 5, car=car)
    flight.trigger("test")
    assert told.came.wait(30)
    assert told.said == [("flight_failed", {"trigger": "test", "reason": "the port is gone"})]
    assert list(tmp_path.iterdir()) == []
    fails.append(False)
    flight.trigger("test")
    assert flight.close()
    assert flight.summary() == {"flights": 1, "flights_failed": 1}


def test_the_oldest_flights_give_way_and_other_files_stay(tmp_path: Path) -> None:
    others = {"flight-1.zip", "flight-000001-Alert.zip", "notes.txt"}
    for name in others:
        (tmp_path / name).touch()
    for _ in range(5):
        flight = recorder(tmp_path, Told(), files=3)
        drive(flight, 2)
        flight.trigger("test")
        assert flight.close()
    left = {path.name for path in tmp_path.iterdir()} - others
    assert left == {f"flight-{number:06}-test.zip" for number in (3, 4, 5)}
    assert others < {path.name for path in tmp_path.iterdir()}


def test_telemetry_that_is_no_number_is_kept_and_harms_nothing(tmp_path: Path) -> None:
    odd = np.array(
        [(1, np.nan, b"x"), (2, np.inf, b"y")], [("t_ns", "<i8"), ("a", "<f4"), ("b", "S1")]
    )
    flight = recorder(tmp_path, Told())
    drive(flight, 2, records=lambda _: {"imu": odd})
    flight.trigger("test")
    assert flight.close()
    (path,) = flights(tmp_path)
    table = records(path, "frame")[0]["records"]["imu"]
    assert table["fields"] == [["t_ns", "<i8"], ["a", "<f4"]]
    assert [row[0] for row in table["rows"]] == [1, 2]
    assert replay(path).frames == 2
