"""How long an answer may take, from how long answers took."""

from __future__ import annotations

from collections import deque

FACTOR, MORE_S, LEAST_FACTOR = 3.0, 0.15, 1.5
"""Times the 99th percentile, which even a disturbed machine keeps to; or so much more than it where
that is less, for nobody looks at the road meanwhile; but a slow model's answers vary, too."""

FEWEST = 20
KEPT = 500


class Deadline:
    """A limit that follows what is measured.

    Args:
        first_s: while fewer than FEWEST answers have come, and never more than this afterwards.
        least_s: never less than this.
    """

    def __init__(self, first_s: float, least_s: float) -> None:
        self.first_s, self._least_s = first_s, least_s
        self._taken_s: deque[float] = deque(maxlen=KEPT)

    def note(self, taken_s: float) -> None:
        """An answer came."""
        self._taken_s.append(taken_s)

    @property
    def p99_s(self) -> float | None:
        """99 of 100 answers took no longer; None while too few have come."""
        if len(self._taken_s) < FEWEST:
            return None
        ranked = sorted(self._taken_s)
        return ranked[min(len(ranked) - 1, len(ranked) * 99 // 100)]

    @property
    def limit_s(self) -> float:
        """What takes longer will not come."""
        p99_s = self.p99_s
        if p99_s is None:
            return self.first_s
        usual_s = max(LEAST_FACTOR * p99_s, min(FACTOR * p99_s, p99_s + MORE_S))
        return min(self.first_s, max(self._least_s, usual_s))
