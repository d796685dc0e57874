"""Which of a ladder of restrictions a pipeline is under: a state machine fed with readings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

BUILT_IN = ("temperature_c", "cpu_percent", "latency_ms")
"""Readings that every pipeline takes; `readings.py` says what they are."""

Reading = Callable[[], "float | None"]


@dataclass(frozen=True)
class Rule:
    """When it is too much, and when it is well again.

    Attributes:
        reading: temperature_c, cpu_percent, latency_ms, or the name of one of your own.
        above: more than this for `hold_s` is too much.
        below: less than this for `hold_s` is well; less than `above`.
        hold_s: seconds; a shorter peak or dip changes nothing.

    Raises:
        ValueError: numbers that contradict each other.
    """

    reading: str
    above: float
    below: float
    hold_s: float = 5.0

    def __post_init__(self) -> None:
        if not self.below < self.above:
            raise ValueError(
                f"rule on {self.reading}: expected below < above, got {self.below:g} and "
                f"{self.above:g}"
            )
        if not 0 <= self.hold_s < math.inf:
            raise ValueError(
                f"rule on {self.reading}: expected hold_s of 0 or more, got {self.hold_s:g}"
            )


@dataclass(frozen=True)
class Step:
    """One restriction; each step stands in place of the one before it.

    Attributes:
        max_fps: frames per second of each source; None is as many as can be.
        model: name of a smaller model; None is the usual one.

    Raises:
        ValueError: max_fps is not a positive number.
    """

    max_fps: float | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        if self.max_fps is not None and not 0 < self.max_fps < math.inf:
            raise ValueError(f"step: expected a positive max_fps, got {self.max_fps:g}")

    def __str__(self) -> str:
        parts = []
        if self.max_fps is not None:
            parts.append(f"at most {self.max_fps:g} frames/s")
        if self.model is not None:
            parts.append(f"model {self.model}")
        return ", ".join(parts) or "no restriction"


class Change(NamedTuple):
    """A step taken.

    Attributes:
        level: how many steps down the ladder the pipeline now is.
        step: the restriction that holds from now on.
        why: the readings that made it so.
    """

    level: int
    step: Step
    why: str


@dataclass
class _Watch:
    """Since when a rule's reading has been too much, or well; None where it is not."""

    rule: Rule
    high_since_s: float | None = None
    low_since_s: float | None = None
    value: float | None = None

    def note(self, now_s: float, value: float | None) -> None:
        self.value = value
        high = value is not None and value > self.rule.above
        low = value is not None and value < self.rule.below
        self.high_since_s = (
            (now_s if self.high_since_s is None else self.high_since_s) if high else None
        )
        self.low_since_s = (
            (now_s if self.low_since_s is None else self.low_since_s) if low else None
        )

    def held(self, since_s: float | None, now_s: float) -> bool:
        return since_s is not None and now_s - since_s >= self.rule.hold_s


@dataclass
class Governor:
    """Goes one step down the ladder when any rule has had too much, one up when all are well.

    After a step every rule's time begins anew, so that the step can show its effect. A reading that
    cannot be had is neither too much nor well: by itself it changes nothing.

    Args:
        rules: at least one.
        steps: at least one, mildest first.
        readings: your own, by name, or others in place of the built-in ones.
        period_s: seconds from one look at the readings to the next.

    Raises:
        ValueError: no rule, no step, a rule on a reading that nobody gives, or no period.
    """

    rules: Sequence[Rule]
    steps: Sequence[Step]
    readings: Mapping[str, Reading] = field(default_factory=dict)
    period_s: float = 1.0
    level: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if not self.rules or not self.steps:
            raise ValueError(
                f"governor: expected rules and steps, got {len(self.rules)} and {len(self.steps)}"
            )
        known = {*BUILT_IN, *self.readings}
        for rule in self.rules:
            if rule.reading not in known:
                raise ValueError(
                    f"governor: expected a rule on one of {', '.join(sorted(known))}, "
                    f"got {rule.reading!r}"
                )
        if not 0 < self.period_s < math.inf:
            raise ValueError(f"governor: expected a positive period_s, got {self.period_s:g}")
        self._watches = [_Watch(rule) for rule in self.rules]

    def update(self, now_s: float, values: Mapping[str, float | None]) -> Change | None:
        """What to change now.

        Args:
            now_s: seconds of any clock that does not go back.
            values: of the readings; one that is missing or None cannot be had.
        """
        for watch in self._watches:
            watch.note(now_s, values.get(watch.rule.reading))
        too_much = [w for w in self._watches if w.held(w.high_since_s, now_s)]
        if too_much and self.level < len(self.steps):
            return self._move(1, too_much, "above")
        if self.level and all(w.held(w.low_since_s, now_s) for w in self._watches):
            return self._move(-1, self._watches, "below")
        return None

    @property
    def step(self) -> Step:
        """The restriction that holds at its level."""
        return self.steps[self.level - 1] if self.level else Step()

    def _move(self, by: int, watches: Sequence[_Watch], word: str) -> Change:
        self.level += by
        why = ", ".join(
            f"{w.rule.reading} {w.value:.1f} {word} {getattr(w.rule, word):g} "
            f"for {w.rule.hold_s:g} s"
            for w in watches
        )
        for watch in self._watches:
            watch.high_since_s = watch.low_since_s = None
        return Change(self.level, self.step, why)
