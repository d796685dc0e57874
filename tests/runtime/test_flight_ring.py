"""The ring holds the newest entries that are young enough and fit, and never more."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from edgecore.flight import Entry, FlightRing
from edgecore.flight.ring import ENTRY_BYTES

LIMIT = 4 * ENTRY_BYTES + 1000
SPAN_NS = 50


def kept(entries: list[Entry]) -> list[Entry]:
    """What must be held after all these: said at once, not step by step."""
    taken = [entry for entry in entries if entry.cost <= LIMIT]
    return [
        entry
        for place, entry in enumerate(taken)
        if sum(later.cost for later in taken[place:]) <= LIMIT
        and entry.t_ns >= taken[-1].t_ns - SPAN_NS
    ]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, LIMIT)), max_size=40))
def test_the_ring_holds_what_is_young_and_fits_and_counts_the_rest(
    steps: list[tuple[int, int]],
) -> None:
    ring, added, now_ns = FlightRing(SPAN_NS / 1e9, LIMIT), [], 0
    for pause_ns, size in steps:
        now_ns += pause_ns
        added.append(Entry(now_ns, "", bytes(size)))
        ring.add(added[-1])
        assert ring.entries() == kept(added)
        assert ring.held_bytes == sum(entry.cost for entry in ring.entries()) <= LIMIT
    assert ring.refused == sum(entry.cost > LIMIT for entry in added)


def test_the_memory_itself_stays_under_the_bound() -> None:
    limit = 1 << 20
    for size in (0, 1, 100, 5000):
        tracemalloc.start()
        ring = FlightRing(3600, limit)
        for number in range(3 * limit // (ENTRY_BYTES + size)):
            ring.add(
                Entry(10**12 + number, f"pictures/{number:08}.jpg", bytes([number % 256]) * size)
            )
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert 0.9 * limit < ring.held_bytes <= limit
        assert held <= limit
