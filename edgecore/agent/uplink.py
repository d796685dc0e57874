"""The agent's side of the link: telemetry in, alerts out, and a new connection when one is lost.

Every alert ends in exactly one `alert_result` event, whatever becomes of the link:

    done       the firmware executed it and said so
    refused    the firmware said no (its deadline had passed, or an argument was wrong)
    not_sent   no link came back before its deadline; the firmware never had it
    not_done   it was handed to a link that died or timed out, and was certainly not executed
    unknown    the same, and it may have been executed; it is not repeated
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import firmware_bridge as fb

if TYPE_CHECKING:
    from .config import AlertSettings
    from .events import EventLog

TELEMETRY = ("imu", "vehicle", "status")
SPEED_GOOD_FOR_S = 1.0
RETRY_S = 0.5
FORWARD_COLLISION = 1
DONE = 0
REASONS = {
    1: "its deadline had passed",
    2: "bad argument",
    3: "unknown command",
    4: "busy",
    0x10: "safe state",
}
STATES = {0: "active", 1: "safe"}
NO_TTC_MS = 0xFFFF


@dataclass
class _Alert:
    """An alert on its way; `number` is its id in the events."""

    number: int
    raised_s: float
    resolved: bool = False


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
    """Connects at once, then keeps the connection; its methods never wait for the wire.

    Args:
        url: as `firmware_bridge.connect` takes it.
        settings: level, duration and deadline of the alerts.
        events: gets link_up, link_down, firmware_safe, firmware_active, alert_result.
        connect: what makes a link of a url.

    Raises:
        firmware_bridge.BridgeError: there is no firmware at `url` now.
    """

    def __init__(
        self,
        url: str,
        settings: AlertSettings,
        events: EventLog,
        connect: Callable[[str], Any] = fb.connect,
    ) -> None:
        self._url, self._settings, self._events, self._connect = url, settings, events, connect
        self._changed = threading.Condition()
        self._closing = False
        self._waiting: list[_Alert] = []
        self._flying: list[_Alert] = []
        self._records: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._sent = 0
        self._raised = 0
        self._losses = 0
        self._speed: tuple[float, float] | None = None
        self._firmware = ""
        self._boot_id: int | None = None
        self._link: Any = None
        self._adopt(connect(url))
        self._keeper = threading.Thread(target=self._keep, name="edgecore-uplink", daemon=True)
        self._keeper.start()

    def alert(self, number: int) -> None:
        """Ask the firmware for a forward-collision alert, now or as soon as there is a link."""
        with self._changed:
            self._raised += 1
            self._waiting.append(_Alert(number, time.monotonic()))
            self._changed.notify_all()
        self._send_waiting()

    def frame_finished(self, frame: int, count: int, ttc_s: float | None) -> None:
        """The agent's sign of life, and what it saw; lost silently while there is no link."""
        link = self._link
        if link is None:
            return
        ttc_ms = NO_TTC_MS if ttc_s is None else min(NO_TTC_MS - 1, round(ttc_s * 1000))
        try:
            link.keep_alive()
            link.publish(
                fb.DetectionSummary(
                    frame=frame & 0xFFFFFFFF, count=min(count, 255), nearest_ttc_ms=ttc_ms
                )
            )
        except fb.BridgeError:
            with self._changed:
                self._changed.notify_all()

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
                "up" if self._link is not None else "down",
                self._firmware,
                self.speed_mps(),
                sum(self._records.values()),
                self._raised,
                self._outcomes["done"],
            )

    def summary(self) -> dict[str, Any]:
        """The link's part of summary.json."""
        with self._changed:
            errors = self._errors + self._wire_errors(self._link)
            return {
                "alerts": self._raised,
                "alerts_sent": self._sent,
                "alerts_acknowledged": self._outcomes["done"],
                "alerts_by_outcome": dict(self._outcomes),
                "telemetry_records": sum(self._records.values()),
                "telemetry_by_kind": dict(self._records),
                "link_losses": self._losses,
                "link_errors": dict(errors),
            }

    def close(self, drain_s: float = 2.0) -> None:
        """Wait for the alerts that are still on their way, then close the link."""
        end_s = time.monotonic() + drain_s
        with self._changed:
            while (self._flying or self._waiting) and time.monotonic() < end_s:
                self._changed.wait(0.05)
            self._closing = True
            self._changed.notify_all()
        self._keeper.join(5.0)
        with self._changed:
            left = [(one, "unknown") for one in self._flying]
            left += [(one, "not_sent") for one in self._waiting]
            link, self._link = self._link, None
            self._errors += self._wire_errors(link)
        for one, outcome in left:
            self._resolve(one, outcome, "the agent ended")
        if link is not None:
            link.close()

    def _keep(self) -> None:
        retry_s = 0.0
        while True:
            with self._changed:
                if self._closing:
                    return
                self._changed.wait(0.05)
                if self._closing:
                    return
                link = self._link
            if link is not None and not link.alive:
                self._lose(link)
                retry_s = time.monotonic() + RETRY_S
            elif link is None and time.monotonic() >= retry_s:
                try:
                    self._adopt(self._connect(self._url))
                except fb.BridgeError:
                    retry_s = time.monotonic() + RETRY_S
            self._send_waiting()

    def _adopt(self, link: Any) -> None:
        info = link.info
        restarted = self._boot_id is not None and info.boot_id != self._boot_id
        with self._changed:
            self._link, self._boot_id, self._firmware = link, info.boot_id, ""
        self._events.write(
            "link_up",
            url=self._url,
            firmware=f"{info.name} {info.version}",
            boot_id=info.boot_id,
            firmware_restarted=restarted,
        )
        for name in TELEMETRY:
            threading.Thread(
                target=self._listen, args=(link, name), name=f"edgecore-{name}", daemon=True
            ).start()

    def _lose(self, link: Any) -> None:
        with self._changed:
            self._errors += self._wire_errors(link)
            self._link, self._speed, self._firmware = None, None, ""
            self._losses += 1
        reason = str(getattr(link, "reason", "") or "connection lost")
        self._events.write("link_down", url=self._url, reason=reason)
        link.close()

    def _listen(self, link: Any, name: str) -> None:
        try:
            for batch in link.subscribe(name):
                with self._changed:
                    self._records[name] += len(batch)
                if name == "vehicle" and len(batch):
                    self._speed = (time.monotonic(), float(batch["speed_mps"][-1]))
                if name == "status" and len(batch) and link is self._link:
                    for state in batch["state"]:
                        self._note_state(STATES.get(int(state), f"state {int(state)}"))
        except fb.BridgeError:
            with self._changed:
                self._changed.notify_all()

    def _note_state(self, state: str) -> None:
        with self._changed:
            if state == self._firmware:
                return
            self._firmware = state
        self._events.write(f"firmware_{state.replace(' ', '_')}")

    def _send_waiting(self) -> None:
        """Hand what waits to the link, or give up on what waited past its deadline."""
        with self._changed:
            link, waiting = self._link, self._waiting
            now_s = time.monotonic()
            late = [one for one in waiting if now_s - one.raised_s >= self._settings.deadline_s]
            ready = [one for one in waiting if one not in late] if link is not None else []
            self._waiting = [one for one in waiting if one not in late and one not in ready]
            self._flying += ready
            self._sent += len(ready)
        for one in late:
            self._resolve(one, "not_sent", "no link before its deadline")
        for one in ready:
            self._submit(link, one)

    def _submit(self, link: Any, one: _Alert) -> None:
        message = fb.Alert(
            kind=FORWARD_COLLISION,
            level=self._settings.level,
            duration_ms=self._settings.duration_ms,
        )
        left_s = max(0.001, self._settings.deadline_s - (time.monotonic() - one.raised_s))
        try:
            future = link.submit(message, timeout=left_s)
        except fb.BridgeError as error:
            self._resolve(one, str(getattr(error, "outcome", "unknown")), str(error))
            return
        future.add_done_callback(lambda done: self._settle(one, done))

    def _settle(self, one: _Alert, done: Future[Any]) -> None:
        if done.cancelled():
            self._resolve(one, "unknown", "the link was closed")
            return
        error = done.exception()
        if error is not None:
            self._resolve(one, str(getattr(error, "outcome", "unknown")), str(error))
            return
        status = int(done.result().status)
        if status == DONE:
            self._resolve(one, "done", None, status)
        else:
            self._resolve(one, "refused", REASONS.get(status, f"status {status}"), status)

    def _resolve(
        self, one: _Alert, outcome: str, reason: str | None, status: int | None = None
    ) -> None:
        with self._changed:
            if one.resolved:
                return
            one.resolved = True
            self._flying = [other for other in self._flying if other is not one]
            self._waiting = [other for other in self._waiting if other is not one]
            self._outcomes[outcome] += 1
        self._events.write(
            "alert_result",
            alert=one.number,
            outcome=outcome,
            status=status,
            reason=reason,
            after_ms=round((time.monotonic() - one.raised_s) * 1e3, 3),
        )
        with self._changed:
            self._changed.notify_all()

    def _wire_errors(self, link: Any) -> Counter[str]:
        """The link's own counts of what went wrong on the wire."""
        if link is None:
            return Counter()
        return Counter({name: count for name, count in dict(link.stats.errors).items() if count})
