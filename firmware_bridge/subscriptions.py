"""All that read what comes over a link by itself."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from typing import Any

from firmware_bridge._carrier import LOGS, Carrier, Inbox
from firmware_bridge.clock import Clock
from firmware_bridge.log_table import LogTables
from firmware_bridge.logs import LogRecord, Logs
from firmware_bridge.schema import COMPILED, Schema
from firmware_bridge.subscription import Records, Subscription

_EARLY, _EARLY_LINES = 1, 256

_log = logging.getLogger("firmware_bridge")


class Subscriptions:
    """All subscriptions of a link that somebody still holds, and all readers of its log.

    What is logged before anybody reads the log, such as a boot, waits for the first reader.
    """

    def __init__(self, carrier: Carrier, clock: Clock) -> None:
        self._carrier = carrier
        self._clock = clock
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[Subscription | Logs] = weakref.WeakSet()
        self._callbacks: dict[int, tuple[Subscription | Logs, Callable[[Any], object]]] = {}
        self._early: Inbox | None = Inbox(carrier, _EARLY_LINES, _EARLY, notes=False)
        self._early.bind(LOGS, COMPILED.hash)
        self._number = _EARLY
        self._closed = False

    def add(
        self,
        name: str,
        frames: int,
        schema: Schema,
        callback: Callable[[Records], object] | None = None,
    ) -> Subscription:
        """One more; one that is closed already when the link is."""
        _check(frames)
        with self._lock:
            self._number += 1
            inbox = Inbox(self._carrier, frames, self._number, notes=callback is not None)
            made = Subscription(name, inbox, self._clock)
            self._keep(self._number, made, schema, callback)
        return made

    def add_logs(
        self,
        frames: int,
        tables: LogTables,
        schema: Schema,
        callback: Callable[[LogRecord], object] | None = None,
    ) -> Logs:
        """One more reader of the log; the first gets what came before."""
        _check(frames)
        with self._lock:
            inbox, self._early = self._early, None
            number = _EARLY
            if inbox is None:
                self._number += 1
                number = self._number
                inbox = Inbox(self._carrier, frames, number, notes=callback is not None)
            made = Logs(inbox, self._clock, tables)
            self._keep(number, made, schema, callback)
            inbox.hand_over(frames, callback is not None)
        if callback is not None:
            self._carrier.wake()  # for what came before
        return made

    def _keep(
        self,
        number: int,
        made: Subscription | Logs,
        schema: Schema,
        callback: Callable[[Any], object] | None,
    ) -> None:
        for ended in [n for n, (each, _) in self._callbacks.items() if each.closed]:
            del self._callbacks[ended]
        if callback is not None:
            self._callbacks[number] = (made, callback)
        self._open.add(made)
        made.bind(schema)
        if self._closed:
            made.close()

    def bind(self, schema: Schema) -> None:
        """The device's table of messages is this one."""
        with self._lock:
            for each in self._open:
                each.bind(schema)
            if self._early is not None:
                self._early.bind(LOGS, schema.hash)
        self._carrier.know_table(schema.hash)

    def call_back(self, number: int) -> None:
        """The inbox of this number has frames for its callback; called by the link's thread."""
        known = self._callbacks.get(number)
        while known is not None:
            reader, callback = known
            came = reader.read()
            if came is None:
                return
            try:
                callback(came)
            except Exception:
                _log.exception("callback of a subscription to %s failed", reader.name)

    def close(self) -> None:
        """Closes all, and those still to come."""
        with self._lock:
            self._closed = True
            for each in self._open:
                each.close()


def _check(frames: int) -> None:
    if frames < 1:
        raise ValueError(f"frames must be at least 1, got {frames}")
