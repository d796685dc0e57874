"""The agent's side of the link: telemetry in, alerts out, and a diary of what became of each.

Every alert ends in exactly one `alert_result` event, whatever becomes of the link:

    done       the firmware executed it and said so
    refused    the firmware said no: its deadline had passed, or it would not
    not_sent   no link took it before its deadline; the firmware never had it and never will
    unknown    it was sent, and the firmware was reset or did not answer before the deadline; it ran
               or it did not. It is not repeated.

Of one that was done, `times` says when: the frame's capture and inference, when the alert was sent,
when the device had received and obeyed it, and when its answer came; all on this host's clock, with
the bound of the error of the device's two.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import firmware_bridge as fb
from edgecore.rules import AlertRequest, Telemetry
from firmware_bridge.patience import Patience

if TYPE_CHECKING:
    from .config import AlertSettings
    from .events import EventLog

TELEMETRY = ("imu", "vehicle", "status")
SPEED_GOOD_FOR_S = 1.0
STATES = {0: "active", 1: "safe"}
NO_TTC_MS = 0xFFFF


@dataclass(frozen=True)
class LinkView:
    """The link as the display shows it."""

    state: str
    firmware: str
    speed_mps: float | None
    telemetry_records: int
    alerts: int
    alerts_acknowledged: int


class Uplink:
    """A link that reconnects by itself; no method but `close` waits for the wire.

    Args:
        url: as `firmware_bridge.connect` takes it.
        settings: deadline of the alerts.
        events: gets link_up, link_down, firmware_safe, firmware_active, alert_result.
        key: the link's, see `firmware_bridge.connect`.
        trace_bytes: so much of the newest bytes of the line is kept, for `recorded`.
        connect: what makes a link of a url.

    Attributes:
        telemetry: what came and no frame took yet.

    Raises:
        firmware_bridge.BridgeError: no firmware at `url` now, or it does not prove the key.
        ValueError: the url makes no sense.
    """

    def __init__(
        self,
        url: str,
        settings: AlertSettings,
        events: EventLog,
        *,
        key: bytes | None = None,
        trace_bytes: int = 0,
        connect: Callable[..., fb.Link] = fb.connect,
    ) -> None:
        self.telemetry = Telemetry()
        self._url, self._settings, self._events = url, settings, events
        self._changed = threading.Condition()
        self._pending: dict[int, tuple[int, Mapping[str, int]]] = {}
        self._records: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._raised = 0
        self._losses = 0
        self._speed: tuple[float, float] | None = None
        self._state = "connecting"
        self._firmware = ""
        self._closing = False
        self._link = connect(url, on_state=self._note_link, key=key, trace_bytes=trace_bytes)
        self._listeners = [
            threading.Thread(
                target=self._listen, args=(name,), name=f"edgecore-{name}", daemon=True
            )
            for name in TELEMETRY
            if name in self._link.schema.by_name
        ]
        for listener in self._listeners:
            listener.start()

    def alert(
        self, number: int, request: AlertRequest, times: Mapping[str, int] | None = None
    ) -> None:
        """Ask the firmware for an alert; `number` is its id in the events.

        `times`: of the frame that gave rise to it, by name; they stand in its `alert_result`.
        """
        known = self._link.schema.by_name.get("Alert")
        message = fb.Alert(
            kind=request.kind,
            level=request.level,
            duration_ms=request.duration_ms,
            stamped=int(known is not None and "stamped" in (known.dtype.names or ())),
        )
        sent_ns = time.monotonic_ns()
        with self._changed:
            self._raised += 1
            self._pending[number] = sent_ns, times or {}
        try:
            future = self._link.submit(message, timeout=self._settings.deadline_s)
        except (fb.BridgeError, ValueError) as error:  # or the device's Alert is another
            self._resolve(number, "not_sent", str(error))
        else:
            future.add_done_callback(lambda done: self._settle(number, message, done))

    def frame_finished(self, frame: int, count: int, ttc_s: float | None) -> None:
        """The agent's sign of life, and what it saw.

        That is lost while there is no link, and on a device whose message for it is another.
        """
        ttc_ms = NO_TTC_MS if ttc_s is None else min(NO_TTC_MS - 1, round(ttc_s * 1000))
        self._link.keep_alive()
        with contextlib.suppress(ValueError):
            self._link.publish(
                fb.DetectionSummary(
                    frame=frame & 0xFFFFFFFF, count=min(count, 255), nearest_ttc_ms=ttc_ms
                )
            )

    def speed_mps(self) -> float | None:
        """Ego speed by telemetry; None when the last is older than a second."""
        speed = self._speed
        if speed is None or time.monotonic() - speed[0] > SPEED_GOOD_FOR_S:
            return None
        return speed[1]

    def view(self) -> LinkView:
        """The state of this moment."""
        with self._changed:
            return LinkView(
                self._state,
                self._firmware,
                self.speed_mps(),
                sum(self._records.values()),
                self._raised,
                self._outcomes["done"],
            )

    def recorded(self) -> Iterator[bytes]:
        """The newest bytes of the line, both ways, as `firmware_bridge.Link.recorded`."""
        return self._link.recorded()

    def summary(self) -> dict[str, Any]:
        """The link's part of summary.json."""
        stats = self._link.stats
        errors = {f"corrupt_{reason}": count for reason, count in stats.errors.items() if count}
        errors |= {f"gap_{channel}": count for channel, count in stats.gaps.items() if count}
        errors |= {
            name: count
            for name, count in (
                ("retransmits", stats.retransmits),
                ("undelivered", stats.undelivered),
                ("losses", self._losses),
            )
            if count
        }
        with self._changed:
            return {
                "alerts": self._raised,
                "alerts_sent": self._raised - self._outcomes["not_sent"],
                "alerts_acknowledged": self._outcomes["done"],
                "alerts_by_outcome": dict(self._outcomes),
                "telemetry_records": sum(self._records.values()),
                "telemetry_by_kind": dict(self._records),
                "link_losses": self._losses,
                "link_errors": errors,
            }

    def close(self) -> None:
        """Wait for the alerts that are still on their way, then close the link."""
        patience = Patience(self._settings.deadline_s + 1.0)
        with self._changed:
            while self._pending and (slice_s := patience.slice_s()) > 0.0:
                self._changed.wait(slice_s)
            self._closing = True
        self._link.close()
        for listener in self._listeners:
            listener.join(2.0)

    def _note_link(self, change: fb.StateChange) -> None:
        """Every change of the link's state, on the link's thread."""
        with self._changed:
            if self._closing:
                return
            before, self._state = self._state, "up" if change.state == "open" else "down"
            if before == self._state or (before, self._state) == ("connecting", "down"):
                return
            if self._state == "down":
                self._speed, self._firmware = None, ""
                self._losses += 1
        if self._state == "up":
            self._events.write("link_up", url=self._url, firmware=change.reason)
        else:
            self._events.write("link_down", url=self._url, reason=change.reason)

    def _listen(self, name: str) -> None:
        for batch in self._link.subscribe(name):
            with self._changed:
                self._records[name] += len(batch)
            self.telemetry.add(name, batch)
            fields = batch.dtype.names or ()
            if name == "vehicle" and "speed_mps" in fields:
                self._speed = (time.monotonic(), float(batch["speed_mps"][-1]))
            if name == "status" and "state" in fields:
                for state in batch["state"]:
                    self._note_firmware(STATES.get(int(state), f"state_{int(state)}"))

    def _note_firmware(self, state: str) -> None:
        with self._changed:
            if state == self._firmware:
                return
            self._firmware = state
        self._events.write(f"firmware_{state}")

    def _settle(self, number: int, message: fb.Alert, done: Future[fb.Result]) -> None:
        try:
            result = done.result()
        except fb.RefusedError as error:
            self._resolve(number, "refused", str(error), error.status)
        except fb.BridgeTimeoutError as error:
            self._resolve(number, "unknown" if error.may_run else "not_sent", str(error))
        except ValueError as error:  # another device answered since, which does not take it
            self._resolve(number, "not_sent", str(error))
        except (fb.BridgeError, CancelledError) as error:
            self._resolve(number, "unknown", str(error))
        else:
            self._resolve(
                number, "done", None, 0, self._times(number, fb.Stamps.of(message, result))
            )

    def _times(self, number: int, stamps: fb.Stamps | None) -> dict[str, int]:
        """By name; those of the device only where it tells them and its clock is known."""
        acknowledged_ns = time.monotonic_ns()
        sent_ns, before = self._pending[number]
        told = {**before, "sent_ns": sent_ns, "acknowledged_ns": acknowledged_ns}
        device = None if stamps is None else stamps.on_host(self._link.clock)
        return told if device is None else told | asdict(device)

    def _resolve(
        self,
        number: int,
        outcome: str,
        reason: str | None,
        status: int | None = None,
        times: dict[str, int] | None = None,
    ) -> None:
        with self._changed:
            raised_ns, _ = self._pending[number]
            self._outcomes[outcome] += 1
        try:
            self._events.write(
                "alert_result",
                alert=number,
                outcome=outcome,
                status=status,
                reason=reason,
                after_ms=round((time.monotonic_ns() - raised_ns) / 1e6, 3),
                times=times,
            )
        finally:
            with self._changed:
                del self._pending[number]
                self._changed.notify_all()
