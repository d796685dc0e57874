"""How long each leg of the way takes, from a frame's capture to the lamp and back.

    captured  inference begins  ends  sent | received  actuated | acknowledged
    host ---------------------------------> device ------------> host

The device's two stamps are on its own clock. The link's model of that clock puts them on the
host's, so a leg that begins on one clock and ends on the other is known within the bound that the
model publishes, which stands beside it everywhere.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from edgecore.testing.clock import known_clock
from firmware_bridge.testing.load import (
    PERCENTILES,
    LoadReport,
    arrivals,
    nearest_rank,
    offer,
    single_stream,
)

if TYPE_CHECKING:
    import firmware_bridge as fb
    from edgecore.detections import Detections

Mode: TypeAlias = Literal["single-stream", "fixed-rate", "poisson", "burst"]
MODES: tuple[Mode, ...] = ("single-stream", "fixed-rate", "poisson", "burst")


class Leg(NamedTuple):
    """A part of the way, between two stamps.

    Attributes:
        name: of the leg.
        begin, end: names of stamps.
        crosses: whether it begins on one clock and ends on the other.
    """

    name: str
    begin: str
    end: str
    crosses: bool = False


LEGS = (
    Leg("wait for inference", "due_ns", "inference_begun_ns"),
    Leg("inference", "inference_begun_ns", "inference_ended_ns"),
    Leg("inference to sending", "inference_ended_ns", "sent_ns"),
    Leg("wait to be sent", "due_ns", "sent_ns"),
    Leg("to the device", "sent_ns", "received_ns", crosses=True),
    Leg("in the device", "received_ns", "actuated_ns"),
    Leg("back to the host", "actuated_ns", "acknowledged_ns", crosses=True),
    Leg("sent to acknowledged", "sent_ns", "acknowledged_ns"),
    Leg("due to actuated", "due_ns", "actuated_ns", crosses=True),
    Leg("due to acknowledged", "due_ns", "acknowledged_ns"),
)
"""In the order of the way, the whole of it last."""


@dataclass(frozen=True)
class Passage:
    """Stamps of one frame or command, CLOCK_MONOTONIC nanoseconds; None: there is no such stamp.

    Attributes:
        due_ns: when the frame was captured, or the command was due.
        inference_begun_ns, inference_ended_ns: invocation and decoding.
        sent_ns: when the command was given to the link.
        received_ns, actuated_ns: of the device, within `error_ns`; their difference is exact.
        acknowledged_ns: when the device's answer was here.
        error_ns: bound of the clocks' error.
    """

    due_ns: int
    inference_begun_ns: int | None
    inference_ended_ns: int | None
    sent_ns: int
    received_ns: int | None
    actuated_ns: int | None
    acknowledged_ns: int
    error_ns: int | None

    @property
    def placed(self) -> bool:
        """Whether the device's stamps, if any, can be where they were put: between sending and
        answer. Just after the device's clock jumped they are where the clock before has them.
        """
        if self.received_ns is None or self.actuated_ns is None or self.error_ns is None:
            return True
        return (
            self.received_ns >= self.sent_ns - self.error_ns
            and self.actuated_ns <= self.acknowledged_ns + self.error_ns
        )

    def leg_ns(self, leg: Leg) -> int | None:
        """How long it took; None: a stamp is missing, or on a clock that is not known."""
        if leg.crosses and not self.placed:
            return None
        if leg.begin == "due_ns" and leg.end == "sent_ns" and self.inference_begun_ns is not None:
            return None  # the legs before say more
        begin, end = getattr(self, leg.begin), getattr(self, leg.end)
        return None if begin is None or end is None else end - begin


@dataclass(frozen=True)
class Distribution:
    """How long one leg took in one series; percentiles by nearest rank.

    Attributes:
        series: what was measured, such as "commands, poisson".
        leg: its name.
        count: passages that have it.
        p50_ms, p95_ms, p99_ms, max_ms: milliseconds.
        error_ms: the greatest bound of the clocks' error among them; None: it is on one clock, or
            none is known.
        values_ms: all of them, by size.
    """

    series: str
    leg: str
    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    error_ms: float | None
    values_ms: tuple[float, ...]


class LatencyLab:
    """Measures, and keeps what it measured for the report; the fixture `edge_latency`.

    Attributes:
        passages: of everything measured so far, by series.
        failed: commands that were not done, by series.
    """

    def __init__(self) -> None:
        self.passages: dict[str, list[Passage]] = {}
        self.failed: Counter[str] = Counter()
        self._read: set[str] = set()  # of diaries

    def commands(
        self,
        link: fb.Link,
        mode: Mode,
        message: fb.Message,
        count: int = 100,
        *,
        rate_hz: float = 50.0,
        seed: int = 0,
        timeout: float = 10.0,
    ) -> list[Distribution]:
        """Sends commands at the rhythm of that mode.

        Args:
            link: to the device, open.
            mode: as of `firmware_bridge.testing.load`.
            message: the command; the device stamps it where both know how.
            count: how many.
            rate_hz: how many a second on average; "single-stream" has none.
            seed: of "poisson".
            timeout: deadline of each, s.

        Returns:
            The distributions of this series, those of earlier calls of its mode included.

        Raises:
            ValueError: an unknown mode, or a number not above zero.
            TimeoutError: the device's clock is not known within 10 s.
        """
        report = _load(link, mode, _stamped(link, message), count, rate_hz, seed, timeout)
        return self._add(f"commands, {mode}", report, {})

    def frames(
        self,
        link: fb.Link,
        mode: Mode,
        detect: Callable[[Any], Detections],
        frames: Sequence[Any],
        message: fb.Message,
        count: int = 100,
        *,
        rate_hz: float = 10.0,
        seed: int = 0,
        timeout: float = 10.0,
    ) -> list[Distribution]:
        """The whole way: a frame comes, a detector looks at it, a command follows.

        One frame after the other and none is left out: one that comes too early waits, and its
        wait counts. What is not described here is as of `commands`.

        Args:
            detect: such as `Detector.detect`.
            frames: what it looks at, again and again from the first.
        """
        if not frames:
            raise ValueError("expected at least one frame, got none")
        command = _stamped(link, message)
        inferences: dict[int, tuple[int, int]] = {}

        def infer() -> fb.Message:
            number = len(inferences)
            spent = detect(frames[number % len(frames)]).timings
            ended_ns = time.monotonic_ns()
            begun_ns = ended_ns - round((spent.invoke_ms + spent.postprocess_ms) * 1e6)
            inferences[number] = begun_ns, ended_ns
            return command

        report = _load(link, mode, infer, count, rate_hz, seed, timeout)
        return self._add(f"frames, {mode}", report, inferences)

    def agent(self, events: Iterable[Mapping[str, Any]]) -> list[Distribution]:
        """What the diary of an agent says of its alerts: `edge_agent.events`, or events.jsonl.

        What was read before counts once: a diary may be given again when it has grown.
        """
        results = []
        for event in events:
            line = json.dumps(event, sort_keys=True)
            if event["event"] == "alert_result" and line not in self._read:
                self._read.add(line)
                results.append(event)
        self.failed["agent"] += sum(event["outcome"] != "done" for event in results)
        self.passages.setdefault("agent", []).extend(
            Passage(
                times["captured_ns"],
                times["inference_begun_ns"],
                times["inference_ended_ns"],
                times["sent_ns"],
                times.get("received_ns"),
                times.get("actuated_ns"),
                times["acknowledged_ns"],
                times.get("error_ns"),
            )
            for event in results
            if (times := event.get("times")) is not None
        )
        return self.distributions("agent")

    def distributions(self, series: str | None = None) -> list[Distribution]:
        """Of every leg that was measured, in the order of the way; None: of all series."""
        return [
            found
            for name, passages in self.passages.items()
            if series in (None, name)
            for leg in LEGS
            if (found := distribution(name, leg, passages)) is not None
        ]

    def record(self) -> list[dict[str, Any]]:
        """All of it in JSON's terms; a passage is its stamps, in the order of `Passage`."""
        return [
            {
                "series": name,
                "failed": self.failed[name],
                "passages": [list(astuple(passage)) for passage in passages],
            }
            for name, passages in self.passages.items()
        ]

    def properties(self) -> list[tuple[str, str]]:
        """Names and values for JUnit, milliseconds."""
        return [
            (f"latency: {one.series}: {one.leg}: {name}", f"{value:.3f}")
            for one in self.distributions()
            for name, value in (
                ("p50_ms", one.p50_ms),
                ("p95_ms", one.p95_ms),
                ("p99_ms", one.p99_ms),
                ("max_ms", one.max_ms),
                ("error_ms", one.error_ms),
            )
            if value is not None
        ]

    def _add(
        self, series: str, report: LoadReport, inferences: Mapping[int, tuple[int, int]]
    ) -> list[Distribution]:
        self.failed[series] += report.failed
        passages = self.passages.setdefault(series, [])
        for trip in report.trips:
            begun_ns, ended_ns = inferences.get(trip.number, (None, None))
            told = trip.device
            received_ns, actuated_ns, error_ns = (
                (None, None, None)
                if told is None
                else (told.received_ns, told.actuated_ns, told.error_ns)
            )
            passages.append(
                Passage(
                    trip.due_ns,
                    begun_ns,
                    ended_ns,
                    trip.sent_ns,
                    received_ns,
                    actuated_ns,
                    trip.acknowledged_ns,
                    error_ns,
                )
            )
        return self.distributions(series)


def distribution(series: str, leg: Leg, passages: Sequence[Passage]) -> Distribution | None:
    """Of one leg; None: none of the passages has it."""
    known = [(took, each) for each in passages if (took := each.leg_ns(leg)) is not None]
    if not known:
        return None
    values = sorted(took for took, _ in known)
    p50_ms, p95_ms, p99_ms = (nearest_rank(values, percent) / 1e6 for percent in PERCENTILES)
    errors = [each.error_ns for _, each in known if each.error_ns is not None]
    return Distribution(
        series,
        leg.name,
        len(values),
        p50_ms,
        p95_ms,
        p99_ms,
        values[-1] / 1e6,
        max(errors) / 1e6 if leg.crosses and errors else None,
        tuple(value / 1e6 for value in values),
    )


def _stamped(link: fb.Link, message: fb.Message) -> fb.Message:
    """The message, with the question for the device's times where it and the device know it."""
    known = link.schema.by_type.get(message.info.type)
    for info in (message.info, known):
        if info is None or "stamped" not in (info.dtype.names or ()):
            return message
    return replace(message, stamped=1)  # type: ignore[type-var]


def _load(
    link: fb.Link,
    mode: Mode,
    asked: fb.Message | Callable[[], fb.Message],
    count: int,
    rate_hz: float,
    seed: int,
    timeout: float,
) -> LoadReport:
    if mode not in MODES:
        raise ValueError(f"expected mode {', '.join(MODES)}, got {mode!r}")
    known_clock(link)
    if mode == "single-stream":
        return single_stream(link, asked, count, timeout=timeout)
    due_s = arrivals(mode, count, rate_hz, seed=seed)
    return offer(link, asked, due_s, timeout=timeout)
