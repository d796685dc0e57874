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

from .collision import Assessment, CollisionRule, CollisionSettings
from .events import EventLog
from .recording import Annotated, Recorder
from .summary import Tally

if TYPE_CHECKING:
    from edgecore.pipeline import Governor, Result
    from edgecore.pipeline.engine_model import Detects
    from edgecore.sources import Source

    from .uplink import Uplink

STALL_S = 2.0
TICK_S = 0.1
ALARM_SHOWN_S = 1.5


class Agent:
    """One run of source, detector, rule and link.

    Args:
        source: where frames come from; closed at the end of the run.
        detector: finds things in them.
        events: gets alert, alert_result, link and safe-state changes, stalled, and those of the
            pipeline: source_lost, source_back, source_error, engine_error, governor, ...
        uplink: the firmware; None runs without. Closed at the end of the run.
        recorder: gets annotated frames; None records nothing. Closed at the end of the run.
        collision: numbers of the rule.
        governor: slows the run down by rules; None never does.
        models: the smaller models of the governor's steps, by name.
    """

    def __init__(
        self,
        source: Source,
        detector: Detects,
        events: EventLog,
        *,
        uplink: Uplink | None = None,
        recorder: Recorder | None = None,
        collision: CollisionSettings | None = None,
        governor: Governor | None = None,
        models: Mapping[str, Detects] | None = None,
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
        self._rule = CollisionRule(collision)
        self._why = "the source ended"
        self._asked: str | None = None
        self._failure: str | None = None
        self._source_errors = 0
        self._alerts = 0
        self._alarm_until_ns = 0

    @property
    def dropped(self) -> int:
        """Frames that were captured and not judged."""
        return sum(self._pipeline.dropped["camera"])

    def stop(self, why: str) -> None:
        """Ask the run to end after the frame it is at; safe in a signal handler."""
        self._asked = self._asked or why

    def run(
        self, duration_s: float = 0.0, tick: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """Work until the source ends, `stop` is called or the time is over.

        Args:
            duration_s: 0 is without end.
            tick: is called about ten times a second on the calling thread.

        Returns:
            What belongs into summary.json. `failure` is None, or why the run ended by itself; all
            alerts are resolved and everything that could be closed is closed.
        """
        self._events.write("run_started", source=self.source.description)
        started_s = time.monotonic()
        self.tally.start()
        self._pipeline.start(self._judge)
        while not self._pipeline.wait(TICK_S) and self._asked is None:
            if duration_s and time.monotonic() - started_s >= duration_s:
                self.stop("the set time is over")
            self._watch()
            tick()
        self._why = self._asked or self._why
        failure = self._pipeline.failure
        if failure is not None:
            known = isinstance(failure, EdgecoreError)
            self._failure = str(failure) if known else f"{type(failure).__name__}: {failure}"
        if not self._pipeline.close(STALL_S):
            self._failure = self._failure or "the engine hangs and was left behind"
        return self._finish()

    def _finish(self) -> dict[str, Any]:
        if self._recorder is not None:
            self._recorder.close()
        if self.uplink is not None:
            self.uplink.close()
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
            **(self.uplink.summary() if self.uplink else no_link(self._alerts)),
            "recording": str(recorder.recording.path)
            if recorder and recorder.recording.path
            else None,
            "recording_skipped": recorder.skipped if recorder else 0,
            "events_lost": self._events.lost,
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
        frame, found, t_ns = result.frame, result.detections, result.captured_ns
        number = self.tally.frames
        speed_mps = self.uplink.speed_mps() if self.uplink is not None else None
        view = self._rule.update(
            t_ns, found.xyxy, found.class_name, (frame.width, frame.height), speed_mps
        )
        if view.alert:
            self._alert(number, result, view, speed_mps)
        self.tally.frame(found, view.ttc_s, view.danger.value)
        if self.uplink is not None:
            self.uplink.frame_finished(number, len(found), view.ttc_s)
        if self._recorder is not None:
            self._recorder.add(self._annotated(result, view, speed_mps))

    def _alert(
        self,
        number: int,
        result: Result,
        view: Assessment,
        speed_mps: float | None,
    ) -> None:
        found, t_ns = result.detections, result.captured_ns
        assert view.lead is not None
        assert view.ttc_s is not None
        self._alerts += 1
        self._alarm_until_ns = t_ns + round(ALARM_SHOWN_S * 1e9)
        self._events.write(
            "alert",
            alert=self._alerts,
            frame=number,
            label=result.label,
            frame_t_ns=t_ns,
            ttc_s=round(view.ttc_s, 3),
            ego_speed_mps=None if speed_mps is None else round(speed_mps, 2),
            class_name=found.class_name[view.lead],
            confidence=round(float(found.confidence[view.lead]), 4),
            xyxy=[round(float(edge), 1) for edge in found.xyxy[view.lead]],
        )
        if self.uplink is not None:
            self.uplink.alert(self._alerts)
        else:
            self._events.write(
                "alert_result", alert=self._alerts, outcome="not_sent", reason="runs without a link"
            )

    def _annotated(self, result: Result, view: Assessment, speed_mps: float | None) -> Annotated:
        speed = "speed unknown" if speed_mps is None else f"{speed_mps * 3.6:.0f} km/h"
        closing = "" if view.ttc_s is None or view.ttc_s > 9.9 else f"  TTC {view.ttc_s:.1f} s"
        alarm = result.captured_ns < self._alarm_until_ns
        return Annotated(
            result.frame,
            result.detections,
            result.label,
            result.captured_ns,
            view.lead,
            (speed + closing, *(("COLLISION WARNING",) if alarm else ())),
            alarm,
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
