"""The agent: frames in, detections judged, alerts out, one sign of life for every finished frame.

A pipeline works the frames on threads of its own, so that whoever runs the agent stays able to see
that it hangs, and to end it. Each result is judged on the engine's thread, which also gives the
sign of life: an engine that hangs falls silent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from edgecore.errors import EdgecoreError
from edgecore.pipeline import Pipeline, PipelineEvent
from edgecore.rules import CollisionRule, RuleSet

from .config import TrackerSettings
from .events import EventLog
from .judging import Judging
from .summary import Tally

if TYPE_CHECKING:
    from pathlib import Path

    from edgecore.flight import FlightRecorder
    from edgecore.pipeline import Governor, Result
    from edgecore.pipeline.engine_model import Detects
    from edgecore.sources import Source

    from .recording import Recorder
    from .uplink import Uplink

STALL_S = 2.0
TICK_S = 0.1


class Agent:
    """One run of source, detector, rules and link.

    Args:
        source: where frames come from; closed at the end of the run.
        detector: finds things in them.
        events: gets alert, rule, alert_result, link and safe-state changes, stalled, and those of
            the pipeline: source_lost, source_back, source_error, engine_error, governor, swapped,
            ...
        uplink: the firmware; None runs without. Closed at the end of the run.
        recorder: gets annotated frames; None records nothing. Closed at the end of the run.
        rules: what is judged; None: the collision rule alone.
        tracker: how objects are followed.
        governor: slows the run down by rules; None never does.
        models: the smaller models of the governor's steps, by name.
        flight: keeps the last seconds; None keeps nothing. Closed at the end of the run.
    """

    def __init__(
        self,
        source: Source,
        detector: Detects,
        events: EventLog,
        *,
        uplink: Uplink | None = None,
        recorder: Recorder | None = None,
        rules: RuleSet | None = None,
        tracker: TrackerSettings | None = None,
        governor: Governor | None = None,
        models: Mapping[str, Detects] | None = None,
        flight: FlightRecorder | None = None,
    ) -> None:
        self.tally = Tally()
        self.uplink = uplink
        self.source = source
        self.stalled = False
        self._pipeline = Pipeline(
            {"camera": source}, detector, on_event=self._note, governor=governor, models=models
        )
        self._events = events
        self._recorder = recorder
        self._judging = Judging(
            rules or RuleSet({"collision": CollisionRule()}),
            (tracker or TrackerSettings()).tracker(),
            events,
            self.tally,
            uplink=uplink,
            recorder=recorder,
            flight=flight,
        )
        self._flight = flight
        if flight is not None:
            events.follow(flight.event)
        self._why = "the source ended"
        self._asked: str | None = None
        self._failure: str | None = None
        self._source_errors = 0

    @property
    def dropped(self) -> int:
        """Frames that were captured and not judged."""
        return sum(self._pipeline.dropped["camera"])

    def stop(self, why: str) -> None:
        """Ask the run to end after the frame it is at; safe in a signal handler."""
        self._asked = self._asked or why

    def swap(self, model: Path, **how: Any) -> None:
        """Another model from now on, if it is good: see `Pipeline.swap`.

        One that cannot begin is a `swap_refused` too.
        """
        try:
            self._pipeline.swap(model, **how)
        except RuntimeError as error:
            self._events.write("swap_refused", reason=f"{model}: {error}")

    def run(
        self, duration_s: float = 0.0, tick: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """Work until the source ends, `stop` is called or the time is over.

        Args:
            duration_s: 0 is without end.
            tick: is called about ten times a second on the calling thread; what it raises ends the
                run, and is raised when all is closed.

        Returns:
            What belongs into summary.json. `failure` is None, or why the run ended by itself; all
            alerts are resolved and everything that could be closed is closed.
        """
        self._events.write("run_started", source=self.source.description)
        self.tally.start()
        self._pipeline.start(self._judge)
        try:
            self._wait(duration_s, tick)
        except BaseException as error:
            self._failure = f"{type(error).__name__}: {error}"
            self._pipeline.close(STALL_S)  # or its engine gave the sign of life for nobody
            self._finish()
            raise
        self._why = self._asked or self._why
        failure = self._pipeline.failure
        if failure is not None:
            known = isinstance(failure, EdgecoreError)
            self._failure = str(failure) if known else f"{type(failure).__name__}: {failure}"
        if not self._pipeline.close(STALL_S):
            self._failure = self._failure or "the engine hangs and was left behind"
        return self._finish()

    def _wait(self, duration_s: float, tick: Callable[[], None]) -> None:
        started_s = time.monotonic()
        while not self._pipeline.wait(TICK_S) and self._asked is None:
            if duration_s and time.monotonic() - started_s >= duration_s:
                self.stop("the set time is over")
            self._watch()
            tick()

    def _finish(self) -> dict[str, Any]:
        if self._recorder is not None:
            self._recorder.close()
        if self.uplink is not None:
            self.uplink.close()
        if self._flight is not None and not self._flight.close():
            self._failure = self._failure or "the last flight was not written in time"
        if self._events.error is not None:
            self._failure = self._failure or f"events.jsonl: {self._events.error.strerror}"
        summary = self._summary()
        self._events.write("run_ended", why=summary["ended"], failure=self._failure)
        return summary

    def _summary(self) -> dict[str, Any]:
        recorder = self._recorder
        if recorder is not None and recorder.error is not None:
            self._failure = self._failure or str(recorder.error)
        return {
            **self.tally.summary(),
            "dropped": self.dropped,
            "source": self.source.description,
            "source_errors": self._source_errors,
            **(self.uplink.summary() if self.uplink else no_link(self._judging.alerts)),
            "rule_events": dict(self._judging.counts),
            "recording": str(recorder.recording.path)
            if recorder and recorder.recording.path
            else None,
            "recording_skipped": recorder.skipped if recorder else 0,
            "events_lost": self._events.lost,
            **(self._flight.summary() if self._flight else {}),
            "ended": self._why if self._failure is None else "failure",
            "failure": self._failure,
        }

    def _watch(self) -> None:
        """Say when no frame was finished for a while, and when they come again."""
        quiet_s = time.monotonic() - self.tally.last_frame_s
        if quiet_s > STALL_S and not self.stalled:
            self.stalled = True
            self._events.write("stalled", no_frame_for_s=round(quiet_s, 1))
        elif quiet_s <= STALL_S and self.stalled:
            self.stalled = False
            self._events.write("resumed")

    def _note(self, event: PipelineEvent) -> None:
        """Every event of the pipeline, on any thread."""
        if event.kind in ("source_error", "source_failed"):
            self._source_errors += 1
        if event.kind != "source_ended":
            facts = {"engine": event.engine, "frame": event.frame_id}
            known = {name: fact for name, fact in facts.items() if fact is not None}
            self._events.write(event.kind, reason=event.reason, **known)

    def _judge(self, result: Result) -> None:
        """One finished frame, on the engine's thread."""
        self._judging.frame(
            result.frame, result.detections, result.label, result.captured_ns, result.born_ns
        )


def no_link(alerts: int) -> dict[str, Any]:
    """The link's part of summary.json for a run without one."""
    return {
        "alerts": alerts,
        "alerts_sent": 0,
        "alerts_acknowledged": 0,
        "alerts_by_outcome": {"not_sent": alerts} if alerts else {},
        "telemetry_records": 0,
        "telemetry_by_kind": {},
        "link_losses": 0,
        "link_errors": {},
    }
