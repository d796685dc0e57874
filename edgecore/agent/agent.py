"""The agent: frames in, detections judged, alerts out, one sign of life for every finished frame.

The frames are worked on a thread of their own, so that whoever runs the agent stays able to see
that it hangs, and to end it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgecore.errors import EdgecoreError, SourceError

from .collision import Assessment, CollisionRule, CollisionSettings
from .events import EventLog
from .recording import Annotated, Recorder
from .summary import Tally

if TYPE_CHECKING:
    from edgecore.detections import Detections
    from edgecore.detector import Detector
    from edgecore.frame import Frame
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
        events: gets alert, alert_result, link and safe-state changes, stalled, source_error, ...
        uplink: the firmware; None runs without. Closed at the end of the run.
        recorder: gets annotated frames; None records nothing. Closed at the end of the run.
        collision: numbers of the rule.
    """

    def __init__(
        self,
        source: Source,
        detector: Detector,
        events: EventLog,
        *,
        uplink: Uplink | None = None,
        recorder: Recorder | None = None,
        collision: CollisionSettings | None = None,
    ) -> None:
        self.tally = Tally()
        self.uplink = uplink
        self.source = source
        self.stalled = False
        self._detector = detector
        self._events = events
        self._recorder = recorder
        self._rule = CollisionRule(collision)
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._why = "the source ended"
        self._asked: str | None = None
        self._failure: str | None = None
        self._source_errors = 0
        self._alerts = 0
        self._alarm_until_ns = 0

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
        worker = threading.Thread(target=self._work, name="edgecore-frames", daemon=True)
        started_s = time.monotonic()
        self.tally.start()
        worker.start()
        while not self._ended.wait(TICK_S) and self._asked is None:
            if duration_s and time.monotonic() - started_s >= duration_s:
                self.stop("the set time is over")
            self._watch()
            tick()
        self._why = self._asked or self._why
        self._stopping.set()
        if not self._ended.wait(TICK_S) and self.source.live:
            self.source.close()  # the frame thread may be waiting for a camera that is silent
        self._ended.wait(STALL_S)
        if not self._ended.is_set():
            self._failure = self._failure or "the frame thread hangs and was left behind"
        return self._finish()

    def _finish(self) -> dict[str, Any]:
        if self._ended.is_set():
            self.source.close()
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
            "dropped": self.source.dropped,
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

    def _work(self) -> None:
        try:
            self._take_frames()
        except EdgecoreError as error:
            self._failure = str(error)
        except Exception as error:
            self._failure = f"{type(error).__name__}: {error}"
        finally:
            self._ended.set()

    def _take_frames(self) -> None:
        while not self._stopping.is_set():
            try:
                frame = next(self.source)
            except StopIteration:
                return
            except SourceError as error:
                self._source_errors += 1
                self._events.write("source_error", reason=str(error))
                if not self.source.resumable:
                    raise
                continue
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        found = self._detector.detect(frame)
        number = self.tally.frames
        t_ns = frame.timestamp_ns if frame.timestamp_ns is not None else time.monotonic_ns()
        speed_mps = self.uplink.speed_mps() if self.uplink is not None else None
        view = self._rule.update(
            t_ns, found.xyxy, found.class_name, (frame.width, frame.height), speed_mps
        )
        if view.alert:
            self._alert(number, t_ns, found, view, speed_mps)
        self.tally.frame(found, view.ttc_s, view.danger.value)
        if self.uplink is not None:
            self.uplink.frame_finished(number, len(found), view.ttc_s)
        if self._recorder is not None:
            self._recorder.add(self._annotated(frame, found, view, speed_mps, t_ns))

    def _alert(
        self,
        number: int,
        t_ns: int,
        found: Detections,
        view: Assessment,
        speed_mps: float | None,
    ) -> None:
        assert view.lead is not None
        assert view.ttc_s is not None
        self._alerts += 1
        self._alarm_until_ns = t_ns + round(ALARM_SHOWN_S * 1e9)
        self._events.write(
            "alert",
            alert=self._alerts,
            frame=number,
            label=self.source.label,
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

    def _annotated(
        self,
        frame: Frame,
        found: Detections,
        view: Assessment,
        speed_mps: float | None,
        t_ns: int,
    ) -> Annotated:
        speed = "speed unknown" if speed_mps is None else f"{speed_mps * 3.6:.0f} km/h"
        closing = "" if view.ttc_s is None or view.ttc_s > 9.9 else f"  TTC {view.ttc_s:.1f} s"
        alarm = t_ns < self._alarm_until_ns
        return Annotated(
            frame,
            found,
            self.source.label,
            t_ns,
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
