"""Looks at a pipeline's readings by the clock, and does what its governor says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .events import PipelineEvent
from .governor import Governor, Reading
from .readings import CpuPercent, LatencyMs, temperature_c


class GovernorThread:
    """A thread that feeds a governor.

    Args:
        governor: decides.
        apply: gets frame rate and model name to keep to from now on, None for no restriction.
        told: gets an event for every change.

    Attributes:
        note_age: takes the age of each result, ms, from any thread.
    """

    def __init__(
        self,
        governor: Governor,
        apply: Callable[[float | None, str | None], None],
        told: Callable[[PipelineEvent], None],
    ) -> None:
        self._governor, self._apply, self._told = governor, apply, told
        self._latency = LatencyMs()
        self.note_age = self._latency.note
        self._readings: dict[str, Reading] = {
            "temperature_c": temperature_c,
            "cpu_percent": CpuPercent(),
            "latency_ms": self._latency,
            **governor.readings,
        }
        self._wanted = {rule.reading for rule in governor.rules}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edgecore-governor", daemon=True)

    def start(self) -> None:
        """Look from now on; a governor that was used before goes on from its step."""
        if self._governor.level:
            self._apply(self._governor.step.max_fps, self._governor.step.model)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    @property
    def is_this_thread(self) -> bool:
        """Whether it calls this itself."""
        return self._thread is threading.current_thread()

    def join(self, timeout_s: float) -> bool:
        """Whether the thread came back, or calls this itself."""
        if self._thread.ident is not None and not self.is_this_thread:
            self._thread.join(timeout_s)
        return self.is_this_thread or not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.wait(self._governor.period_s):
            values = {name: self._value(name) for name in self._wanted}
            change = self._governor.update(time.monotonic(), values)
            if change is None:
                continue
            self._apply(change.step.max_fps, change.step.model)
            reason = f"level {change.level}, {change.step}: {change.why}"
            self._told(PipelineEvent("governor", reason))

    def _value(self, name: str) -> float | None:
        try:
            value = self._readings[name]()
            return None if value is None else float(value)
        except (Exception, SystemExit):  # one that fails, or is no number, cannot be had
            return None
