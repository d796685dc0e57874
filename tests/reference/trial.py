"""A model's trial, judged anew from all its frames at each step."""

from __future__ import annotations

import math
from collections.abc import Sequence


def verdict(
    frames: Sequence[float | None], wanted: int, limit_ms: float, max_errors: int
) -> tuple[int, bool] | None:
    """When it is certain whether the model stays, and whether it does; None while it is not.

    Args:
        frames: how long each took, ms; None is one that failed.
        wanted: so many decide.
        limit_ms: the 99th percentile of the whole trial, nearest rank, may not be more.
        max_errors: so many may fail.
    """
    for count in range(1, len(frames) + 1):
        seen = frames[:count]
        # The best that can still come: every further frame takes no time and does not fail.
        best = sorted([math.inf if each is None else each for each in seen if each is not None])
        best = [0.0] * (wanted - len(best)) + best
        rank = math.ceil(0.99 * wanted) - 1
        if best[rank] > limit_ms or sum(each is None for each in seen) > max_errors:
            return count, False
        if count == wanted:
            return count, True
    return None
