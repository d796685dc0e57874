"""The lease protocol, one memory access at a time, in every order that processes may make them.

Where memory is sequentially consistent, as the C asks for: this is about the order of the steps.
A state is a tuple throughout, so that one met before is known again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

SLOTS, WORDS, READERS = 2, 2, 2
PICTURES, LOOKS = 3, 2  # the writer makes so many, each reader takes so many

# What somebody might get wrong.
MISTAKES = ("reader checks, then leases", "reader never checks", "writer looks, then vacates")


class Memory(NamedTuple):
    newest: tuple[int, int] = (0, 0)  # sequence, slot
    sequences: tuple[int, ...] = (0,) * SLOTS
    pixels: tuple[int, ...] = (0,) * (SLOTS * WORDS)  # each the sequence of its picture
    leases: tuple[frozenset[int], ...] = (frozenset(),) * READERS


class State(NamedTuple):
    memory: Memory = Memory()
    writer: tuple[Any, ...] = ("rest", 1)
    readers: tuple[tuple[Any, ...], ...] = (("rest", LOOKS, 0),) * READERS


class TornError(Exception):
    """A reader saw anything but the picture it leased."""


def put(values: tuple[Any, ...], index: int, value: Any) -> tuple[Any, ...]:
    return (*values[:index], value, *values[index + 1 :])


def write(
    memory: Memory, at: tuple[Any, ...], mistake: str
) -> tuple[Memory, tuple[Any, ...]] | None:
    """The writer's next access; `at` is (step, sequence of the picture, ...)."""
    step, sequence, *rest = at
    if step == "rest":
        free = set(range(SLOTS)) - set().union(*memory.leases)
        if sequence > PICTURES:
            return None
        if not free:
            return memory, ("rest", sequence + 1)
        slot = min(free, key=lambda i: memory.sequences[i])
        first = "look" if mistake == "writer looks, then vacates" else "vacate"
        return memory, (first, sequence, slot, memory.sequences[slot], 0)
    slot, before, index = rest
    if step == "vacate":
        after = "write" if mistake == "writer looks, then vacates" else "look"
        return memory._replace(sequences=put(memory.sequences, slot, 0)), (
            after,
            sequence,
            slot,
            before,
            0,
        )
    if step == "look":
        if slot in memory.leases[index]:
            return memory, ("restore", sequence, slot, before, 0)
        if index + 1 < READERS:
            return memory, ("look", sequence, slot, before, index + 1)
        after = "vacate" if mistake == "writer looks, then vacates" else "write"
        return memory, (after, sequence, slot, before, 0)
    if step == "restore":
        return memory._replace(sequences=put(memory.sequences, slot, before)), (
            "rest",
            sequence + 1,
        )
    if step == "write":
        written = memory._replace(pixels=put(memory.pixels, slot * WORDS + index, sequence))
        after = "publish" if index + 1 == WORDS else "write"
        return written, (after, sequence, slot, before, index + 1)
    if step == "publish":
        return memory._replace(sequences=put(memory.sequences, slot, sequence)), (
            "announce",
            sequence,
            slot,
            before,
            0,
        )
    return memory._replace(newest=(sequence, slot)), ("rest", sequence + 1)


def read(
    memory: Memory, me: int, at: tuple[Any, ...], mistake: str
) -> tuple[Memory, tuple[Any, ...]] | None:
    """A reader's next access; `at` is (step, looks left, sequence seen, ...)."""
    step, left, seen, *rest = at
    if step == "rest":
        sequence, slot = memory.newest
        if left == 0 or sequence <= seen:
            return None
        first = "check" if mistake == "reader checks, then leases" else "lease"
        return memory, (first, left, seen, sequence, slot, 0)
    sequence, slot, index = rest
    if step == "lease":
        leased = memory._replace(leases=put(memory.leases, me, memory.leases[me] | {slot}))
        return leased, ("read" if mistake.startswith("reader") else "check", *at[1:])
    if step == "check":
        if memory.sequences[slot] != sequence:
            return memory, ("release", left, seen, sequence, slot, 0)
        after = "lease" if mistake == "reader checks, then leases" else "read"
        return memory, (after, *at[1:])
    if step == "read":  # all of it, twice
        if memory.pixels[slot * WORDS + index % WORDS] != sequence:
            raise TornError(f"picture {sequence} in slot {slot}: {memory}")
        after = "release" if index + 1 == 2 * WORDS else "read"
        return memory, (after, left, sequence, sequence, slot, index + 1)
    released = memory._replace(leases=put(memory.leases, me, memory.leases[me] - {slot}))
    return released, ("rest", left - 1, seen)


def following(state: State, mistake: str) -> Iterator[State]:
    done = write(state.memory, state.writer, mistake)
    if done is not None:
        yield state._replace(memory=done[0], writer=done[1])
    for me, at in enumerate(state.readers):
        done = read(state.memory, me, at, mistake)
        if done is not None:
            yield state._replace(memory=done[0], readers=put(state.readers, me, done[1]))


def explore(mistake: str = "") -> tuple[int, list[State]]:
    """How many states there are, and those in which nobody has anything left to do.

    Raises:
        TornError: some order of steps tears a picture.
    """
    known, ends = {State()}, []
    open_states = [State()]
    while open_states:
        state = open_states.pop()
        followers = list(following(state, mistake))
        if not followers:
            ends.append(state)
        new = set(followers) - known
        known |= new
        open_states += new
    return len(known), ends
