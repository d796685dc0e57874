"""The agent against real firmware code: alerts acknowledged, failures reported, nothing lost."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from edgecore.agent import Agent, EventLog
from edgecore.agent.config import AlertSettings
from edgecore.agent.recording import PictureRecording, Recorder
from edgecore.agent.uplink import Uplink
from edgecore.detections import Detections
from edgecore.errors import EngineError, SourceError
from edgecore.frame import Frame
from edgecore.rules import AlertRequest
from edgecore.rules.collision import DEFAULT_ALERT
from edgecore.sources import Source
from edgecore.sources.live import Latest
from firmware_bridge.schema import COMPILED

from . import agent_parts
from .agent_parts import BRAKE_S, Clockwork, HangingDetector, IdealDetector, PromptedDetector
from .firmware_process import ROOT, Firmware, environment, firmware_before, wait_for_scene


@pytest.fixture
def firmwares(tmp_path: Path) -> Iterator[Any]:
    """Starts firmware on one socket, again and again if need be."""
    started: list[Firmware] = []

    def start(epoch_ns: int = 0) -> Firmware:
        started.append(Firmware(tmp_path / "fw.sock", epoch_ns or time.monotonic_ns()))
        return started[-1]

    yield start
    for firmware in started:
        with contextlib.suppress(ProcessLookupError):
            firmware.kill()


def diary(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def named(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == name]


@pytest.fixture
def events(tmp_path: Path) -> Iterator[EventLog]:
    log = EventLog(tmp_path / "events.jsonl")
    yield log
    log.close()


def agent_on(
    events: EventLog,
    source: Source,
    detector: Any,
    link: str | None = None,
    deadline_s: float = 0.5,
    recorder: Recorder | None = None,
) -> Agent:
    uplink = Uplink(link, AlertSettings(deadline_s=deadline_s), events) if link else None
    return Agent(source, detector, events, uplink=uplink, recorder=recorder)


def test_brake_ahead_becomes_an_acknowledged_alert_with_its_facts_on_record(
    tmp_path: Path,
    events: EventLog,
) -> None:
    with firmware_before(tmp_path, BRAKE_S - 1) as (firmware, epoch_ns):
        uplink = Uplink(firmware.url, AlertSettings(deadline_s=20), events)
        wait_for_scene(epoch_ns, BRAKE_S - 1)
        agent = Agent(Clockwork(4.5), IdealDetector(epoch_ns), events, uplink=uplink)
        summary = agent.run()
    told = diary(tmp_path)
    (alert,) = named(told, "alert")
    (result,) = named(told, "alert_result")
    assert 0 < alert["ttc_s"] < 2.5
    assert alert["ego_speed_mps"] > 5
    assert alert["class_name"] == "car"
    assert (alert["frame_t_ns"] - epoch_ns) / 1e9 > BRAKE_S
    assert result["alert"] == alert["alert"] == 1
    assert (result["outcome"], result["status"]) == ("done", 0)
    assert told.index(alert) < told.index(result)
    assert told[0]["event"] == "link_up"
    (started,) = named(told, "run_started")
    assert told.index(started) < told.index(alert)
    assert told[-1]["event"] == "run_ended"
    assert summary["alerts_sent"] == summary["alerts_acknowledged"] == 1
    assert summary["telemetry_records"] > 100
    assert summary["frames"] == 90
    assert summary["detections"] == 90
    assert (summary["preprocess_ms"], summary["invoke_ms"]) == (0.1, 1.0)
    assert summary["failure"] is None
    assert json.loads(json.dumps(summary)) == summary


class Film(Clockwork):
    """The same, read as fast as it is asked for."""

    def __next__(self) -> Frame:
        if self._left == 0:
            raise StopIteration
        self._left, self._due_ns = self._left - 1, self._due_ns + 50_000_000
        return Frame(agent_parts.PIXELS, *agent_parts.SIZE, "rgb", timestamp_ns=self._due_ns)


def test_way_of_an_alert_begins_where_a_frame_of_a_film_arrived(
    tmp_path: Path,
    events: EventLog,
) -> None:
    with firmware_before(tmp_path, BRAKE_S) as (firmware, epoch_ns):
        uplink = Uplink(firmware.url, AlertSettings(deadline_s=20), events)
        film = Film(9.0)
        assert not film.live
        begun_ns = time.monotonic_ns()
        Agent(film, IdealDetector(epoch_ns), events, uplink=uplink).run()
    times = named(diary(tmp_path), "alert_result")[0]["times"]
    assert begun_ns < times["captured_ns"] <= times["inference_ended_ns"] < times["sent_ns"]
    assert times["sent_ns"] < times["acknowledged_ns"]


@pytest.mark.parametrize("fault", ["", "hang", "hang-with-gil"])
def test_killed_or_hung_agent_puts_the_firmware_into_its_safe_state(
    tmp_path: Path, firmwares: Any, fault: str
) -> None:
    firmware = firmwares()
    agent = subprocess.Popen(
        [
            sys.executable,
            agent_parts.__file__,
            firmware.url,
            str(tmp_path),
            *([fault] * bool(fault)),
        ],
        cwd=ROOT,
        env=environment(),
    )
    try:
        seen = firmware.wait_for("active")
        if not fault:
            agent.send_signal(signal.SIGKILL)
        firmware.wait_for("safe", after=seen)
        assert (agent.poll() is None) == bool(fault), "a hung agent lives, and is safe all the same"
    finally:
        agent.kill()
        agent.wait()


def test_hang_is_reported_and_the_run_can_still_be_ended(tmp_path: Path, events: EventLog) -> None:
    agent = agent_on(events, Clockwork(60), HangingDetector(time.monotonic_ns()), "sim:")

    def tick() -> None:
        if agent.stalled:
            agent.stop("enough")

    summary = agent.run(tick=tick)
    assert summary["failure"] == "the engine hangs and was left behind"
    assert summary["frames"] == 19
    told = diary(tmp_path)
    assert named(told, "stalled")
    names = [event["event"] for event in told]
    assert "firmware_safe" in names[names.index("firmware_active") :], "it boots safe, too"
    assert told[-1]["event"] == "run_ended"


def test_killed_firmware_is_reported_reconnected_and_no_alert_is_lost(
    tmp_path: Path, events: EventLog, firmwares: Any
) -> None:
    """The firmware dies before a braking and is back before an alert."""
    first, detector = firmwares(), PromptedDetector()
    agent = agent_on(events, Clockwork(60), detector, first.url)
    steps: list[str] = []

    def tick() -> None:
        seen = [event["event"] for event in diary(tmp_path)]
        if not steps and "firmware_active" in seen:
            first.kill()
            detector.brake()
            steps.append("killed")
        elif steps == ["killed"] and "alert_result" in seen:
            steps.append("restarted")
            firmwares()
        elif steps == ["killed", "restarted"] and seen.count("firmware_active") == 2:
            agent.uplink.alert(2, DEFAULT_ALERT)  # type: ignore[union-attr]
            steps.append("alerted")
        elif seen.count("alert_result") == 2:
            agent.stop("seen enough")

    summary = agent.run(tick=tick)
    told = diary(tmp_path)
    assert len(named(told, "link_up")) == 2
    assert len(named(told, "link_down")) == 1
    lost, kept = named(told, "alert_result")
    assert (lost["alert"], lost["outcome"]) == (1, "not_sent")
    assert (kept["alert"], kept["outcome"]) == (2, "done")
    assert summary["alerts"] == 2
    assert summary["alerts_sent"] == summary["alerts_acknowledged"] == 1
    assert summary["alerts_by_outcome"] == {"not_sent": 1, "done": 1}
    assert summary["link_losses"] == 1
    assert summary["frames"] > 20


def test_alert_raised_just_before_the_link_returns_is_still_delivered(
    tmp_path: Path, events: EventLog, firmwares: Any
) -> None:
    """Within its deadline an alert waits for the link."""
    first = firmwares()
    uplink = Uplink(first.url, AlertSettings(deadline_s=20.0), events)
    first.kill()
    while uplink.view().state == "up":
        time.sleep(0.01)
    uplink.alert(1, DEFAULT_ALERT)
    second = firmwares()
    second.wait_for("alert")
    uplink.close()
    (result,) = named(diary(tmp_path), "alert_result")
    assert result["outcome"] == "done"


def test_alert_whose_listener_fails_is_no_longer_waited_for(tmp_path: Path) -> None:
    def told(record: dict[str, Any]) -> None:
        if record["event"] == "alert_result":
            raise OSError("nobody reads")

    events = EventLog(tmp_path / "events.jsonl", told)
    uplink = Uplink("sim:", AlertSettings(deadline_s=60), events)
    uplink.alert(1, AlertRequest(1, level=1, duration_ms=100))
    closing = threading.Thread(target=uplink.close)
    closing.start()
    closing.join(30)
    assert not closing.is_alive()
    events.close()


def test_alert_the_firmware_refuses_is_recorded_as_refused(
    tmp_path: Path, events: EventLog
) -> None:
    uplink = Uplink("sim:", AlertSettings(), events)
    uplink.alert(1, AlertRequest(1, level=3, duration_ms=0))
    uplink.close()
    (result,) = named(diary(tmp_path), "alert_result")
    assert (result["outcome"], result["status"]) == ("refused", 2)
    assert "bad argument" in result["reason"]


class Failing(Clockwork):
    """Breaks at its fifth frame, for good or for that frame only."""

    def __init__(self, *, resumable: bool) -> None:
        super().__init__(0.5)
        self.resumable = resumable
        self._frames = 0

    def __next__(self) -> Frame:
        self._frames += 1
        if self._frames == 5:
            raise SourceError("frame 5: damaged")
        return super().__next__()


def test_source_that_breaks_ends_the_run_with_its_reason(tmp_path: Path, events: EventLog) -> None:
    source = Failing(resumable=False)
    summary = agent_on(events, source, IdealDetector(0)).run()
    assert summary["failure"] == "frame 5: damaged"
    assert (summary["frames"], summary["source_errors"]) == (4, 1)
    assert source.closed.is_set()


def test_damaged_item_of_a_resumable_source_is_told_and_the_run_goes_on(
    tmp_path: Path, events: EventLog
) -> None:
    summary = agent_on(events, Failing(resumable=True), IdealDetector(0)).run()
    assert summary["failure"] is None
    assert (summary["frames"], summary["source_errors"]) == (10, 1)
    assert [event["reason"] for event in named(diary(tmp_path), "source_error")] == [
        "frame 5: damaged"
    ]


@pytest.mark.parametrize("error", [EngineError("the delegate died"), RuntimeError("boom")])
def test_detector_that_fails_ends_the_run_with_its_reason(
    tmp_path: Path, events: EventLog, error: Exception
) -> None:
    class Broken:
        def detect(self, frame: Frame) -> Detections:
            raise error

    summary = agent_on(events, Clockwork(5), Broken()).run()
    assert str(error) in summary["failure"]
    assert summary["ended"] == "failure"
    assert summary["frames"] == 0


def test_run_without_a_link_records_its_alerts_as_not_sent(
    tmp_path: Path, events: EventLog
) -> None:
    epoch_ns = time.monotonic_ns() - round((BRAKE_S - 0.5) * 1e9)
    summary = agent_on(events, Clockwork(3.5), IdealDetector(epoch_ns)).run()
    assert (summary["alerts"], summary["alerts_sent"]) == (1, 0)
    (result,) = named(diary(tmp_path), "alert_result")
    assert result["outcome"] == "not_sent"


def test_run_ends_when_its_time_is_over(tmp_path: Path, events: EventLog) -> None:
    source = Clockwork(3600)
    summary = agent_on(events, source, IdealDetector(0)).run(duration_s=0.4)
    assert summary["ended"] == "the set time is over"
    assert summary["frames"] > 0
    assert source.closed.is_set()


@pytest.mark.parametrize("error", [KeyError("no such lamp"), KeyboardInterrupt()])
def test_run_whose_watcher_fails_is_ended_all_the_same(
    events: EventLog, tmp_path: Path, error: BaseException
) -> None:
    def fail() -> None:
        raise error

    source = Clockwork(60)
    agent = Agent(source, IdealDetector(time.monotonic_ns()), events)
    with pytest.raises(type(error)):
        agent.run(tick=fail)
    assert source.closed.is_set(), "nobody gives a sign of life any more"
    (ended,) = named(diary(tmp_path), "run_ended")
    assert ended["failure"].startswith(type(error).__name__)


def test_every_frame_of_a_file_is_recorded_with_its_boxes(tmp_path: Path, events: EventLog) -> None:
    recorder = Recorder(PictureRecording(tmp_path / "annotated"), lossless=True)
    source = Clockwork(0.5)
    summary = agent_on(events, source, IdealDetector(0), recorder=recorder).run()
    pictures = sorted((tmp_path / "annotated").iterdir())
    assert len(pictures) == summary["frames"] == 10
    assert summary["recording"] == str(tmp_path / "annotated")
    from PIL import Image

    with Image.open(pictures[0]) as image:
        assert np.asarray(image).max() > 60


def test_silent_camera_does_not_hold_up_the_end_of_the_run(
    tmp_path: Path, events: EventLog
) -> None:
    agent = agent_on(events, Latest(Clockwork(3600, fps=0.001)), IdealDetector(0))
    summary = agent.run(duration_s=0.2)
    assert summary["failure"] is None
    assert summary["ended"] == "the set time is over"


def test_firmware_whose_records_are_other_ones_is_listened_to_all_the_same(
    tmp_path: Path, events: EventLog
) -> None:
    other = np.zeros(3, [("t_us", "<u8"), ("odometer", "<f4"), ("t_ns", "<i8")])

    class Other:
        schema = COMPILED

        def subscribe(self, name: str) -> list[Any]:
            return [other, other]

        def close(self) -> None:
            pass

    uplink = Uplink("other:", AlertSettings(), events, connect=lambda url, **_: Other())  # type: ignore[arg-type,return-value]
    uplink.close()
    assert uplink.view().telemetry_records == 18
    assert uplink.view().speed_mps is None


def test_alerts_that_the_firmware_takes_otherwise_are_not_sent_and_the_agent_goes_on(
    tmp_path: Path, events: EventLog
) -> None:
    refused: Future[Any] = Future()
    refused.set_exception(ValueError("Alert has 6 bytes, the device takes 4"))

    class Other:
        schema = COMPILED
        outcomes: ClassVar = [ValueError("Alert is another on this device"), refused]

        def subscribe(self, name: str) -> list[Any]:
            return []

        def submit(self, message: Any, timeout: float) -> Future[Any]:
            outcome = self.outcomes.pop(0)
            if isinstance(outcome, ValueError):
                raise outcome
            return outcome

        def keep_alive(self) -> None:
            pass

        def publish(self, message: Any) -> bool:
            raise ValueError("DetectionSummary is another on this device")

        def close(self) -> None:
            pass

    uplink = Uplink("other:", AlertSettings(), events, connect=lambda url, **_: Other())  # type: ignore[arg-type,return-value]
    for number in (1, 2):
        uplink.alert(number, DEFAULT_ALERT)
        uplink.frame_finished(number, 0, None)
    uplink.close()
    results = [line for line in diary(tmp_path) if line["event"] == "alert_result"]
    assert [(line["alert"], line["outcome"]) for line in results] == [
        (1, "not_sent"),
        (2, "not_sent"),
    ]
