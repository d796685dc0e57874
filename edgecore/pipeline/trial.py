"""Whether a new model may stay: a state machine fed with its frames and its failures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

FEWEST = 20
"""By fewer frames of the old model the new one is not measured."""


@dataclass(frozen=True)
class Trial:
    """What a new model has to keep to, after it has taken the old one's place.

    Attributes:
        frames: so many decide; failed ones count too.
        max_latency_ms: preparing, invoking and decoding a frame may take so long; None: any time.
        max_slowdown: or so many times the old model's 99th percentile; None: as slow as it likes.
            It needs 20 frames that the old model has run.
        max_errors: frames that may fail.

    One frame in a hundred may take longer; the smaller of the two limits holds.

    Raises:
        ValueError: numbers that make no sense.
    """

    frames: int = 100
    max_latency_ms: float | None = None
    max_slowdown: float | None = 2.0
    max_errors: int = 0

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ValueError(f"trial: expected at least 1 frame, got {self.frames}")
        if not 0 <= self.max_errors < self.frames:
            raise ValueError(
                f"trial: expected max_errors from 0 to {self.frames - 1}, got {self.max_errors}"
            )
        for name in ("max_latency_ms", "max_slowdown"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"trial: expected a positive {name}, got {value:g}")


class Verdict(NamedTuple):
    """How a trial ended.

    Attributes:
        stays: the new model has passed.
        reason: what it was judged by.
    """

    stays: bool
    reason: str


class Judge:
    """Follows one trial to its verdict, which is given once, and as soon as it is certain.

    Args:
        trial: the rules.
        old_ms: what the newest frames of the model before took.
    """

    def __init__(self, trial: Trial, old_ms: Sequence[float] = ()) -> None:
        limits_ms = [math.inf]
        if trial.max_latency_ms is not None:
            limits_ms.append(trial.max_latency_ms)
        if trial.max_slowdown is not None and len(old_ms) >= FEWEST:
            limits_ms.append(trial.max_slowdown * p99(old_ms))
        self._trial = trial
        self._limit_ms = min(limits_ms)
        self._frames = self._slow = self._errors = 0
        self._ended = False

    def ran(self, taken_ms: float) -> Verdict | None:
        """The new model ran a frame; the verdict, where this decides it."""
        if self._ended:
            return None
        self._frames += 1
        self._slow += taken_ms > self._limit_ms
        if self._slow > self._trial.frames // 100:
            return self._end(
                False,
                f"{taken_ms:.1f} ms for a frame, expected at most {self._limit_ms:.1f} ms; "
                f"slow for {self._slow} of {self._frames} frames",
            )
        return self._passed()

    def failed(self, error: str) -> Verdict | None:
        """The new model failed on a frame; the verdict, where this decides it."""
        if self._ended:
            return None
        self._frames += 1
        self._errors += 1
        if self._errors > self._trial.max_errors:
            count = f"{self._errors} of {self._frames} frames"
            return self._end(
                False, f"failed on {count}, expected at most {self._trial.max_errors}: {error}"
            )
        return self._passed()

    def stop(self, why: str) -> Verdict | None:
        """No more frames will come; None where it was judged before."""
        if self._ended:
            return None
        return self._end(False, f"{why} after {self._frames} of {self._trial.frames} frames")

    def _passed(self) -> Verdict | None:
        if self._frames < self._trial.frames:
            return None
        return self._end(
            True, f"{self._frames} frames, {self._slow} of them slow, {self._errors} failed"
        )

    def _end(self, stays: bool, reason: str) -> Verdict:
        self._ended = True
        return Verdict(stays, reason)


def p99(values: Sequence[float]) -> float:
    """99 of 100 are no greater: the 99th percentile, nearest rank."""
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]
