"""The flight recorder: keeps the last seconds, and writes them down when something happens.

Everything is kept as the bytes it will be written as, so that the bound of the memory is exact and
a snapshot is a list of references. Small pictures are compressed, and flights written, on a thread
of the recorder's own: a slow or full disk slows nobody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firmware_bridge.patience import Patience

from .file import frame_name, write_flight
from .lines import dumped, frame_line
from .pixels import packed
from .ring import Entry, FlightRing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecore.frame import Frame
    from edgecore.rules import Event, Moment, RuleSet
    from edgecore.tracking import Tracker

FAULTS = ("engine_error", "engine_failed", "source_lost", "source_failed", "stalled")
TRIGGERS = frozenset(("alert", "firmware_safe", *FAULTS))
STATE_EVERY_NS = 1_000_000_000
TRIGGERS_LISTED = 100
PICTURE_SIDE = 320
JPEG_QUALITY = 80


class Cadence:
    """So many times a second at most; 0 is never."""

    def __init__(self, per_s: float) -> None:
        self._every_ns = round(1e9 / per_s) if per_s else None
        self._due_ns = 0

    def due(self, now_ns: int) -> bool:
        """Whether it is time; then not again before the next."""
        if self._every_ns is None or now_ns < self._due_ns:
            return False
        self._due_ns = now_ns + self._every_ns
        return True


class FlightRecorder:
    """Keeps frames' detections, events, telemetry and pixels; any thread may tell it.

    A trigger writes a flight: what was kept `before_s` before it to `after_s` after it. Triggers
    that come while one is waited for join its flight, and are listed in it.

    Args:
        folder: where flights go.
        about: plain values for the head of each flight; a replay needs `rules`, as
            `edgecore.rules.rule_tables` gives them; one through the detector also `url` of the
            source, `model_file`, `options` of `Detector.from_file`, and those of the `tracker`.
        tell: is called with what became of a flight: `flight` with its path, or `flight_failed`
            with the reason.
        before_s, after_s: seconds.
        memory_bytes: bound of what is kept. While a flight is written, what the ring has given up
            meanwhile is held too: at most twice as much.
        files: flights in the folder beyond so many are removed, the oldest first.
        pictures_per_s: small ones for people; 0 keeps none.
        lossless_per_s: so many frames a second are kept with every pixel, for a replay of what no
            source gives again; 0 keeps none.
        lossless_bytes: bound of those, apart from `memory_bytes`.
        link: the newest bytes of the link as the blocks of a recording, such as
            `firmware_bridge.Link.recorded`; what it keeps is its own to bound.

    Attributes:
        written, failed: flights.
        pictures_dropped: for which the thread had no time.
    """

    def __init__(
        self,
        folder: Path,
        about: Mapping[str, Any],
        tell: Callable[..., None],
        *,
        before_s: float = 10.0,
        after_s: float = 5.0,
        memory_bytes: int = 16 << 20,
        files: int = 20,
        pictures_per_s: float = 2.0,
        lossless_per_s: float = 0.0,
        lossless_bytes: int = 0,
        link: Callable[[], Iterable[bytes]] = tuple,
    ) -> None:
        self.written = 0
        self.failed = 0
        self.pictures_dropped = 0
        # A replay begins at a state: what lies before the first one is of no use to it.
        span_s = before_s + after_s + STATE_EVERY_NS / 1e9
        self.ring = FlightRing(span_s, memory_bytes)
        self.lossless = FlightRing(span_s, lossless_bytes)
        self._link = link
        self._folder, self._about, self._tell = folder, dict(about), tell
        self._after_s, self._files = after_s, files
        self._pictures = Cadence(pictures_per_s)
        self._whole_frames = Cadence(lossless_per_s)
        self._state_due_ns = 0
        self._frames = 0
        self._was_active = False
        self._changed = threading.Condition()
        self._picture: tuple[str, NDArray[Any]] | None = None
        self._triggers: list[dict[str, Any]] = []
        self._due_s: float | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="edgecore-flight", daemon=True)
        self._thread.start()

    def before_frame(self, rules: RuleSet, tracker: Tracker) -> None:
        """Keep both states about once a second; called before they get a frame."""
        now_ns = time.monotonic_ns()
        if now_ns >= self._state_due_ns:
            self._state_due_ns = now_ns + STATE_EVERY_NS
            self._keep(dumped(record="state", state=rules.state(), tracker=tracker.state()))

    def frame(
        self,
        frame: Frame,
        moment: Moment,
        rules: RuleSet,
        events: list[Event],
        *,
        label: str,
        link: str | None,
    ) -> None:
        """Keep a judged frame; called in the order of judging.

        Args:
            frame: nothing of it is held after this call.
            moment, events: what the rules took and gave.
            rules: as they are after it.
            label: where the frame came from, as the source says it.
            link: the link's state, None without one.
        """
        self._keep(frame_line(frame, moment, rules, events, label, link))
        self._frames += 1
        now_ns = time.monotonic_ns()
        if self._pictures.due(now_ns):
            self._offer(f"pictures/{moment.frame:08}.jpg", frame)
        if self._whole_frames.due(now_ns):
            self.lossless.add(Entry(now_ns, frame_name(moment.frame), packed(frame)))
        if any(event.alert is not None for event in events):
            self.trigger("alert", frame=moment.frame)

    def event(self, record: Mapping[str, Any]) -> None:
        """Keep an event as events.jsonl has it; some trigger a flight.

        Firmware that was not active yet is in its safe state by rights.
        """
        if record["event"] in ("alert", "rule"):  # they stand with their frames
            return
        self._keep(dumped(record="event", **record))
        kind = record["event"]
        self._was_active = self._was_active or kind == "firmware_active"
        if kind == "firmware_safe" and not self._was_active:
            return
        if kind in TRIGGERS and self._frames:
            self.trigger(kind)

    def trigger(self, kind: str, **facts: Any) -> None:
        """Have a flight written.

        Args:
            kind: names it: small letters and underscores, 1 to 32.
            facts: plain values that go with it.

        Raises:
            ValueError: another kind of name.
        """
        if not (0 < len(kind) <= 32 and set(kind) <= set("abcdefghijklmnopqrstuvwxyz_")):
            raise ValueError(f"kind: expected 1 to 32 small letters and underscores, got {kind!r}")
        wall = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        trigger = {"kind": kind, "t_ns": time.monotonic_ns(), "time": wall, **facts}
        with self._changed:
            if len(self._triggers) < TRIGGERS_LISTED:
                self._triggers.append(trigger)
            if self._due_s is None:
                self._due_s = time.monotonic() + self._after_s
            self._changed.notify()

    def close(self, timeout_s: float = 5.0) -> bool:
        """Write at once what is waited for, and end; whether it did within the time."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        return Patience(timeout_s).outlasts(self._thread)

    def summary(self) -> dict[str, int]:
        """The flight's part of summary.json."""
        return {"flights": self.written, "flights_failed": self.failed}

    def _keep(self, line: bytes) -> None:
        self.ring.add(Entry(time.monotonic_ns(), "", line))

    def _offer(self, name: str, frame: Frame) -> None:
        """A small copy for the thread, unless it has one still."""
        from edgecore.preprocessing import preprocess

        if self._picture is not None:
            self.pictures_dropped += 1
            return
        shrink = min(1.0, PICTURE_SIDE / max(frame.width, frame.height))
        size = (max(1, round(frame.height * shrink)), max(1, round(frame.width * shrink)))
        rgb = preprocess(frame, size, fit="stretch")
        with self._changed:
            self._picture = (name, rgb)
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._picture or self._closing or self._is_due()):
                    self._changed.wait(self._wait_s())
                closing, picture = self._closing, self._picture
                self._picture = None
                triggers = []
                if self._due_s is not None and (closing or self._is_due()):
                    triggers, self._triggers, self._due_s = self._triggers, [], None
            if picture is not None:
                self.ring.add(Entry(time.monotonic_ns(), picture[0], _jpeg(picture[1])))
            if triggers:
                self._write(triggers)
            elif closing:
                return

    def _is_due(self) -> bool:
        return self._due_s is not None and time.monotonic() >= self._due_s

    def _wait_s(self) -> float | None:
        return None if self._due_s is None else max(0.0, self._due_s - time.monotonic())

    def _write(self, triggers: list[dict[str, Any]]) -> None:
        header = {
            "written": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "edgecore": _version(),
            "triggers": triggers,
            "refused": self.ring.refused + self.lossless.refused,
            "pictures_dropped": self.pictures_dropped,
            **self._about,
        }
        kind = triggers[0]["kind"]
        entries = self.ring.entries() + self.lossless.entries()
        try:
            path = write_flight(
                self._folder, kind, header, entries, files=self._files, link=self._link()
            )
        except Exception as error:  # of the link too: the next flight is written all the same
            self.failed += 1
            told = error.strerror if isinstance(error, OSError) else None
            self._tell("flight_failed", trigger=kind, reason=told or str(error))
        else:
            self.written += 1
            self._tell("flight", trigger=kind, path=str(path))


def _version() -> str | None:
    """Of this library; None where it is used without being installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("edgecore")
    except PackageNotFoundError:
        return None


def _jpeg(rgb: NDArray[Any]) -> bytes:
    from PIL import Image

    packed = BytesIO()
    Image.fromarray(rgb).save(packed, "JPEG", quality=JPEG_QUALITY)
    return packed.getvalue()
