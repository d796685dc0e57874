"""What keeps a link alive: finds its line, again if need be, and gives out what comes."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from firmware_bridge._carrier import Carrier
from firmware_bridge.aside import aside
from firmware_bridge.clock import Clock
from firmware_bridge.download import Download
from firmware_bridge.errors import (
    AuthenticationError,
    BridgeConnectionError,
    BridgeError,
    LinkClosedError,
    ProtocolError,
)
from firmware_bridge.events import (
    Event,
    Incompatible,
    Opened,
    Ready,
    Resolved,
    Silent,
    Unauthenticated,
)
from firmware_bridge.facts import State, StateChange
from firmware_bridge.line_speed import LineSpeed
from firmware_bridge.patience import Patience
from firmware_bridge.requests import Requests
from firmware_bridge.schema import COMPILED, Schema
from firmware_bridge.serial_port import UsbIdentity
from firmware_bridge.subscriptions import Subscriptions
from firmware_bridge.transfer import Transfers
from firmware_bridge.transport import Port, open_port

T = TypeVar("T")

_log = logging.getLogger("firmware_bridge")

_TURN_US = 50_000
"""The longest the thread waits for mail when nothing happens."""
_LONGEST_TURN_S = 0.1
"""A turn that took longer was spent elsewhere: who does not run hears no answer."""
_RETRY_FIRST_S = 0.1
_RETRY_LAST_S = 1.0
_REOPEN_AFTER_S = 5.0
"""A line that carries no session for so long is closed and opened again."""


class _LinkThread(threading.Thread):
    """The thread of a connection, which calls back."""


class Connection:
    """One line after the other to one device, in a thread of its own until closed.

    Attributes:
        url: where the device is.
        carrier: the session, and the thread in C that carries its bytes.
        keyed: whether there is a key.
        requests, subscriptions, transfers, clock: who get what comes.
        schema: the device's messages; this package's own before the first connection.
        change: the state, since when, and why.
        line, byte_ns: what carries the link, for people; time of a byte on a serial line, or 0.
        stop: set once the connection ends.
    """

    def __init__(
        self,
        url: str,
        *,
        on_state: Callable[[StateChange], None] | None,
        reconnect: bool,
        key: bytes | None,
        require_authentication: bool,
        trace_bytes: int,
    ) -> None:
        self.url = url
        self.carrier = Carrier(
            boot_id=secrets.randbelow(2**32 - 1) + 1,
            name="edgecore",
            key=key,
            required=require_authentication,
            trace_bytes=trace_bytes,
        )
        self.keyed = key is not None
        self.clock = Clock(self.carrier)
        self.subscriptions = Subscriptions(self.carrier, self.clock)
        self.requests = Requests(self.carrier)
        self.transfers = Transfers(self.carrier, self.requests)
        self.schema: Schema = COMPILED
        self.change = StateChange("connecting", "", time.monotonic_ns())
        self.line, self.byte_ns = "", 0
        self.stop = threading.Event()
        self._on_state = on_state
        self._reconnect = reconnect
        self._tried = threading.Event()  # a line was opened, or there is none
        self._settled = threading.Event()
        self._failure: BridgeError | ValueError | None = None
        self._opened_line = ""
        self._speed: LineSpeed | None = None
        self._usb: UsbIdentity | None = None
        self._download: Download | None = None
        self._broken: BridgeError | None = None
        self._thread = _LinkThread(target=self._run, name=f"link {url}", daemon=True)
        self._thread.start()

    @property
    def is_this_thread(self) -> bool:
        """Whether the caller is the connection's own thread, which calls back."""
        return threading.current_thread() is self._thread

    def wait_open(self, timeout: float) -> bool:
        """Whether the link is open, after waiting up to `timeout` s for the device on its line.

        The first line is waited for before: whoever opens it has bounds of his own.

        Raises:
            BridgeError, ValueError: it can never open: what is wrong.
        """
        self._tried.wait()
        patience = Patience(timeout)
        while not self._settled.is_set() and (slice_s := patience.slice_s()) > 0.0:
            self._settled.wait(slice_s)
        if self._failure is not None:
            raise self._failure
        return self.change.state == "open"

    def close(self) -> None:
        """Ends it, and what waits with LinkClosedError; in a callback of any link not at once.

        Callbacks of two links that close each other would wait for each other.
        """
        self.stop.set()
        self.carrier.wake()
        if not isinstance(threading.current_thread(), _LinkThread):
            self._thread.join()

    def _run(self) -> None:
        error: BridgeError = LinkClosedError(f"{self.url}: the link was closed")
        try:
            self._carry_on()
        except (BridgeError, ValueError) as failure:
            self._failure = failure
            if isinstance(failure, BridgeError):
                error = failure
        except BaseException:
            self._failure = BridgeError(f"{self.url}: the link's thread failed")
            _log.exception("%s: the link's thread failed", self.url)
        finally:
            self.stop.set()
            self.carrier.stop()
            self.requests.close(error)
            self.transfers.close(error)
            self.subscriptions.close()
            self._become("closed", str(error))
            self._settled.set()
            self._tried.set()

    def _carry_on(self) -> None:
        """Connections, one after the other, until closed."""
        wait_s = _RETRY_FIRST_S
        while not self.stop.is_set():
            opens = self.carrier.stats["opens"]
            try:
                port = self._open()
            except BridgeConnectionError as error:
                if not self._settled.is_set() or not self._reconnect:
                    raise
                reason = str(error)
            else:
                if port is None:
                    return
                try:
                    reason = self._use(port)
                    if self.stop.is_set():
                        return
                    self._lose(reason)
                finally:
                    self.carrier.detach()
                    self._meanwhile(aside(port.close))
            hopeless = isinstance(self._broken, (ProtocolError, AuthenticationError))
            never = hopeless and not self._settled.is_set()
            if never or not self._reconnect:
                raise self._broken or BridgeConnectionError(f"{self.url}: {reason}")
            self._lose(reason)
            wait_s = _RETRY_FIRST_S if self.carrier.stats["opens"] > opens else wait_s
            self._rest(wait_s)
            wait_s = min(2 * wait_s, _RETRY_LAST_S)

    def _open(self) -> Port | None:
        """The line, once it is open; None when the link is closed before."""
        opening = aside(lambda: open_port(self.url, timeout_s=2.0, usb=self._usb))
        if self._meanwhile(opening, until=self.stop):
            return opening.result()
        opening.add_done_callback(_close_late)
        return None

    def _meanwhile(self, work: Future[T], until: threading.Event | None = None) -> bool:
        """Gives out what comes until the work is done; False: `until` came first."""
        work.add_done_callback(lambda _: self.carrier.wake())
        while not work.done():
            if until is not None and until.is_set():
                return False
            self._take_mail(_TURN_US)
        return True

    def _rest(self, seconds: float) -> None:
        """Waits, and gives out what comes meanwhile."""
        until = time.monotonic() + seconds
        while not self.stop.is_set() and (left := until - time.monotonic()) > 0:
            self._take_mail(min(_TURN_US, round(left * 1e6)))

    def _use(self, port: Port) -> str:
        """Gives out what comes until the line ends; returns why it did."""
        self._broken = None
        self.line = self._opened_line = port.description
        self._speed = port.speed
        self._usb = port.usb or self._usb
        self.byte_ns = port.byte_ns
        self.carrier.attach(port.fd, port.byte_ns)
        self._tried.set()
        unanswered_s, looked_s = 0.0, time.monotonic()
        while not self.stop.is_set():
            number = self._take_mail(_TURN_US)
            if number:
                return f"{port.description}: {os.strerror(number)}"
            broken = self._broken_now()
            if broken is not None:
                return str(broken)
            now_s = time.monotonic()
            turn_s, looked_s = min(now_s - looked_s, _LONGEST_TURN_S), now_s
            unanswered_s = 0.0 if self.carrier.open else unanswered_s + turn_s
            if unanswered_s > _REOPEN_AFTER_S:
                return f"{port.description}: no answer for {_REOPEN_AFTER_S:.0f} s"
        return "closed"

    def _take_mail(self, timeout_us: int) -> int:
        """Handles what comes within the time; returns the errno of a broken line, or 0."""
        events, number = self.carrier.mail(timeout_us)
        self._handle(events)
        return number

    def _broken_now(self) -> BridgeError | None:
        return self._broken

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Resolved):
                self.requests.resolved(event)
            elif isinstance(event, Ready):
                self.subscriptions.call_back(event.inbox)
            elif isinstance(event, Opened):
                self._opened()
            elif isinstance(event, Silent):
                self._silent()
            elif isinstance(event, Incompatible):
                peer = self.carrier.peer
                self._broken = ProtocolError(
                    f"{self.url}: the device speaks protocol {peer['protocol_min']} to "
                    f"{peer['protocol_max']}, this side 1"
                )
            elif isinstance(event, Unauthenticated):
                self._broken = AuthenticationError(
                    f"{self.url}: the device does not prove the key: it has another one, or none"
                    if self.keyed
                    else f"{self.url}: the device requires a key, and none was given"
                )
        self.requests.pump()

    def _opened(self) -> None:
        self.transfers.opened()
        peer = self.carrier.peer
        if self._download is not None:
            self._download.abandon()
        self._download = Download(self.requests, peer["schema_hash"], self._described)
        self._download.start()

    def _described(self, outcome: Schema | BridgeError) -> None:
        self._download = None
        if isinstance(outcome, BridgeError):
            self._broken = outcome
            return
        self.schema = outcome
        self.subscriptions.bind(outcome)
        speed = self._speed
        if speed is None:
            self._ready()
        else:
            speed.hasten(self.carrier, self.requests, self._hastened)

    def _hastened(self, what: str) -> None:
        self.line = self._opened_line + what
        if self.carrier.open:
            self._ready()

    def _ready(self) -> None:
        peer = self.carrier.peer
        self._become("open", f"{peer['name']} {peer['version']}, boot {peer['boot_id']:08x}")
        self._settled.set()

    def _silent(self) -> None:
        if self._download is not None:
            self._download.abandon()
            self._download = None
        if self._speed is not None:
            self._speed.go_back(self.carrier)
        if self.change.state == "open" and not self.stop.is_set():
            self._lose(f"{self.url}: no sign of the device")

    def _lose(self, reason: str) -> None:
        self._become("lost" if self._settled.is_set() else "connecting", reason)

    def _become(self, state: State, reason: str) -> None:
        if (state, reason) == self.change[:2]:
            return
        self.change = StateChange(state, reason, time.monotonic_ns())
        if self._on_state is not None:
            try:
                self._on_state(self.change)
            except Exception:
                _log.exception("%s: on_state failed", self.url)


def _close_late(opening: Future[Port]) -> None:
    if opening.exception() is None:
        opening.result().close()
