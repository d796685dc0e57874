"""From one frame's detections to events, alerts and what is drawn."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from edgecore.rules import Assessment, CollisionRule, Danger, Event, Moment, RuleSet

from .summary import Tally

if TYPE_CHECKING:
    from edgecore.detections import Detections
    from edgecore.flight import FlightRecorder
    from edgecore.frame import Frame
    from edgecore.tracking import Tracker

    from .events import EventLog
    from .recording import Annotated, Recorder
    from .uplink import Uplink

ALARM_SHOWN_S = 1.5
NO_LEAD = Assessment(None, None, Danger.CLEAR, False)


class Judging:
    """Judges one frame after the other, all on one thread.

    Args:
        rules: asked for every frame.
        tracker: gives the detections their ids.
        events: gets `alert` for every event that asks the firmware for one, `rule` for the others.
        tally: counts the frames.
        uplink: takes the alerts and gives telemetry; None runs without.
        recorder: gets annotated frames; None records nothing.
        flight: gets every frame and what it came to; None keeps nothing.

    Attributes:
        alerts: how many were due.
        counts: events by `rule: kind`.
    """

    def __init__(
        self,
        rules: RuleSet,
        tracker: Tracker,
        events: EventLog,
        tally: Tally,
        *,
        uplink: Uplink | None = None,
        recorder: Recorder | None = None,
        flight: FlightRecorder | None = None,
    ) -> None:
        self.alerts = 0
        self.counts: Counter[str] = Counter()
        self._rules = rules
        self._tracker = tracker
        self._events = events
        self._tally = tally
        self._uplink = uplink
        self._recorder = recorder
        self._flight = flight
        self._collision = next(
            (rule for rule in rules.rules.values() if isinstance(rule, CollisionRule)), None
        )
        self._alarm = ""
        self._alarm_until_ns = 0

    def frame(self, frame: Frame, found: Detections, label: str, t_ns: int, born_ns: int) -> None:
        """Judge a finished frame, and give the sign of life for it.

        Args:
            frame, found, label: the frame, what is in it, where it came from.
            t_ns: its time, which rules and telemetry go by.
            born_ns: since when its age counts: the same, or its arrival if it was not filmed live.
        """
        ended_ns, spent = time.monotonic_ns(), found.timings
        spent_ns = round((spent.invoke_ms + spent.postprocess_ms) * 1e6)
        times = {
            "captured_ns": born_ns,
            "inference_begun_ns": ended_ns - spent_ns,
            "inference_ended_ns": ended_ns,
        }
        uplink, number = self._uplink, self._tally.frames
        if self._flight is not None:
            self._flight.before_frame(self._rules, self._tracker)
        moment = Moment(
            number,
            t_ns,
            self._tracker.update(found, max(t_ns, 0)),
            (frame.width, frame.height),
            uplink.telemetry.speed_mps(t_ns) if uplink is not None else None,
            uplink.telemetry.take() if uplink is not None else {},
        )
        happened = self._rules.judge(moment)
        for event in happened:
            self._tell(event, moment, label, times)
        view = NO_LEAD if self._collision is None else self._collision.view
        self._tally.frame(moment.detections, view.ttc_s, view.danger.value)
        if uplink is not None:
            uplink.frame_finished(number, len(found), view.ttc_s)
        if self._recorder is not None:
            self._recorder.add(self._annotated(frame, moment, label, view))
        if self._flight is not None:
            link = uplink.view().state if uplink is not None else None
            self._flight.frame(frame, moment, self._rules, happened, label=label, link=link)

    def _tell(self, event: Event, moment: Moment, label: str, times: dict[str, int]) -> None:
        self.counts[f"{event.rule}: {event.kind}"] += 1
        known = {
            "rule": event.rule,
            "kind": event.kind,
            "frame": event.frame,
            "label": label,
            "frame_t_ns": moment.t_ns,
            "at_ns": event.t_ns,
            "tracker_ids": list(event.tracker_ids),
            **event.facts,
        }
        if event.alert is None:
            self._events.write("rule", **known)
            return
        self.alerts += 1
        rule = self._rules.rules[event.rule]
        self._alarm = (
            "COLLISION WARNING"
            if isinstance(rule, CollisionRule)
            else f"{event.rule}: {event.kind}".upper()
        )
        self._alarm_until_ns = moment.t_ns + round(ALARM_SHOWN_S * 1e9)
        self._events.write("alert", alert=self.alerts, **known)
        if self._uplink is not None:
            self._uplink.alert(self.alerts, event.alert, times)
        else:
            self._events.write(
                "alert_result", alert=self.alerts, outcome="not_sent", reason="runs without a link"
            )

    def _annotated(self, frame: Frame, moment: Moment, label: str, view: Assessment) -> Annotated:
        from .recording import Annotated  # brings Pillow, which only those who record need

        speed_mps = moment.speed_mps
        speed = "speed unknown" if speed_mps is None else f"{speed_mps * 3.6:.0f} km/h"
        closing = "" if view.ttc_s is None or view.ttc_s > 9.9 else f"  TTC {view.ttc_s:.1f} s"
        alarm = moment.t_ns < self._alarm_until_ns
        return Annotated(
            frame,
            moment.detections,
            label,
            moment.t_ns,
            view.lead,
            (speed + closing, *((self._alarm,) if alarm else ())),
            alarm,
        )
