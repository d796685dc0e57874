"""What a replay with allowances allows."""

from __future__ import annotations

from typing import Any

import pytest

from edgecore.flight.comparison import LATE_NS, Comparison, Judged

ALERT = {"rule": "collision", "kind": "alert"}


def judged(frame: int, t_ns: int, *events: dict[str, Any]) -> Judged:
    return Judged(frame, t_ns, {"events": list(events), "view": {}})


def apart(recorded: int, replayed: int, period_ns: int) -> bool:
    """Whether an alert of one frame and one of another part two runs of six frames."""
    comparison = Comparison("lax")
    for frame in range(6):
        pair = (
            judged(frame, frame * period_ns, *[ALERT] * (frame == at))
            for at in (recorded, replayed)
        )
        if comparison.add(*pair) is not None:
            return True
    return comparison.end() is not None


@pytest.mark.parametrize(
    "period_ns", [LATE_NS // 10, LATE_NS // 2, LATE_NS, LATE_NS + 1, LATE_NS * 5]
)
@pytest.mark.parametrize("recorded", [0, 3])
@pytest.mark.parametrize("replayed", range(6))
def test_an_event_may_be_so_much_earlier_or_later_and_no_more(
    period_ns: int, recorded: int, replayed: int
) -> None:
    assert apart(recorded, replayed, period_ns) == (abs(recorded - replayed) * period_ns > LATE_NS)
