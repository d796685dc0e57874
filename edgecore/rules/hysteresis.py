"""State machines that make a clean answer of a condition that flickers."""

from __future__ import annotations

import enum
from typing import Any

from edgecore.state import whole


class Change(enum.Enum):
    """What a state machine says when its answer turns."""

    BEGAN = "began"
    ENDED = "ended"


class State(enum.Enum):
    """Where a condition stands."""

    OFF = "off"
    RISING = "rising"
    ON = "on"
    FALLING = "falling"


class Hysteresis:
    """OFF until the condition held for `on_s`, then ON until it did not for `off_s`.

    RISING and FALLING are the times in between: the condition holds, or has ceased, not long enough
    to count. A gap shorter than `off_s` does not set RISING back to its start: detections are
    missed at times.

    Times are whole nanoseconds: two that lie just `on_s` apart do so whatever the clock shows.
    """

    def __init__(self, on_s: float, off_s: float) -> None:
        self.state = State.OFF
        self._on_ns, self._off_ns = round(on_s * 1e9), round(off_s * 1e9)
        self._since_ns = 0
        self._held_ns = 0

    @property
    def lasted_s(self) -> float:
        """From when the condition began to hold, the last time, to when it held last."""
        return (self._held_ns - self._since_ns) / 1e9

    def state_values(self) -> list[Any]:
        """What it goes on from, as plain values; see `restore`."""
        return [self.state.value, self._since_ns, self._held_ns]

    def restore(self, state: Any) -> None:
        """Go on from the `state_values` of another one; ValueError if they are none."""
        if not isinstance(state, list) or len(state) != 3:
            raise ValueError(f"state: expected three values, got {state!r:.80}")
        since_ns, held_ns = whole(state[1]), whole(state[2])
        self.state, self._since_ns, self._held_ns = State(state[0]), since_ns, held_ns

    def update(self, t_ns: int, holds: bool) -> Change | None:
        """Take the condition at a time not before the last one."""
        if holds:
            if self.state is State.OFF:
                self.state, self._since_ns = State.RISING, t_ns
            elif self.state is State.FALLING:
                self.state = State.ON
            self._held_ns = t_ns
            if self.state is State.RISING and t_ns - self._since_ns >= self._on_ns:
                self.state = State.ON
                return Change.BEGAN
            return None
        if self.state is State.OFF or t_ns - self._held_ns < self._off_ns:
            if self.state is State.ON:
                self.state = State.FALLING
            return None
        ended = self.state in (State.ON, State.FALLING)
        self.state = State.OFF
        return Change.ENDED if ended else None
