"""A scale of times in SVG, logarithmic."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class LogAxis:
    """Where values lie between two edges of a drawing.

    Attributes:
        low, high: values at the edges, 0 < low < high.
        left, right: the edges, pixels.
    """

    low: float
    high: float
    left: float
    right: float

    @classmethod
    def around(cls, values: Iterable[float], left: float, right: float, *, least: float) -> LogAxis:
        """Wide enough for these values, those below `least` at the left edge."""
        known = [max(value, least) for value in values] or [least]
        low, high = math.log10(min(known)) - 0.1, math.log10(max(known)) + 0.1
        return cls(max(10**low, least), 10 ** max(high, low + 0.5), left, right)

    def at(self, value: float) -> float:
        """Pixels of a value; one beyond an edge lies at the edge."""
        share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return self.left + min(share, 1.0) * (self.right - self.left)

    def ticks(self) -> list[float]:
        """Round values between the edges: powers of ten, and more between where they are few."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        span = self.high / self.low
        steps = (1, 2, 3, 4, 5, 7) if span < 10 else (1, 2, 5) if span < 300 else (1,)
        values = [step * 10.0**decade for decade in decades for step in steps]
        return [value for value in values if self.low <= value <= self.high]
