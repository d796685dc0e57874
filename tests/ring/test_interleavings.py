"""No order of steps of a writer and two readers tears a picture or keeps a slot."""

import pytest

from tests.reference.ring_steps import MISTAKES, PICTURES, TornError, explore

pytestmark = pytest.mark.once


def test_every_order_of_steps_leaves_pictures_whole_and_slots_free():
    states, ends = explore()
    assert states > 10_000, "these are many orders"
    for memory, writer, _ in ends:
        assert writer == ("rest", PICTURES + 1)
        assert not any(memory.leases)
        sequence, slot = memory.newest
        assert memory.sequences[slot] == sequence, "the newest can be read by who comes next"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_protocol_with_its_steps_exchanged_does_tear(mistake):
    with pytest.raises(TornError):
        explore(mistake)
