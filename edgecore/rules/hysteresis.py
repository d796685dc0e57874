"""State machines that make a clean answer of a condition that flickers."""

from __future__ import annotations

import enum
from typing import Any

from edgecore.state import number


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
    """

    def __init__(self, on_s: float, off_s: float) -> None:
        self.state = State.OFF
        self._on_s, self._off_s = on_s, off_s
        self._since_s = 0.0
        self._held_s = 0.0

    @property
    def since_s(self) -> float:
        """When the condition began to hold, the last time."""
        return self._since_s

    @property
    def held_s(self) -> float:
        """When it held last."""
        return self._held_s

    def state_values(self) -> list[Any]:
        """What it goes on from, as plain values; see `restore`."""
        return [self.state.value, self._since_s, self._held_s]

    def restore(self, state: Any) -> None:
        """Go on from the `state_values` of another one; ValueError if they are none."""
        if not isinstance(state, list) or len(state) != 3:
            raise ValueError(f"state: expected three values, got {state!r:.80}")
        since_s, held_s = number(state[1]), number(state[2])
        self.state, self._since_s, self._held_s = State(state[0]), since_s, held_s

    def update(self, t_s: float, holds: bool) -> Change | None:
        """Take the condition at a time not before the last one."""
        if holds:
            if self.state is State.OFF:
                self.state, self._since_s = State.RISING, t_s
            elif self.state is State.FALLING:
                self.state = State.ON
            self._held_s = t_s
            if self.state is State.RISING and t_s - self._since_s >= self._on_s:
                self.state = State.ON
                return Change.BEGAN
            return None
        if self.state is State.OFF or t_s - self._held_s < self._off_s:
            if self.state is State.ON:
                self.state = State.FALLING
            return None
        ended = self.state in (State.ON, State.FALLING)
        self.state = State.OFF
        return Change.ENDED if ended else None
