"""The frame ring in plain Python: what docs/ring.md promises, one step after the other."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False)
class Reader:
    held: set[int] = field(default_factory=set)
    seen: int = 0


class Ring:
    def __init__(self, slots: int) -> None:
        self.contents = [0] * slots  # sequence of the picture in each; 0: none
        self.claimed: set[int] = set()
        self.readers: list[Reader] = []
        self.newest = 0  # sequence
        self.sequence = self.dropped = 0

    def leased(self) -> set[int]:
        return set().union(*(reader.held for reader in self.readers))

    def claim(self) -> int | None:
        free = set(range(len(self.contents))) - self.claimed - self.leased()
        if not free:
            self.sequence += 1
            self.dropped += 1
            return None
        slot = min(free, key=lambda i: (self.contents[i], i))
        self.contents[slot] = 0
        self.claimed.add(slot)
        return slot

    def publish(self, slot: int) -> int:
        self.claimed.remove(slot)
        self.sequence += 1
        self.contents[slot] = self.newest = self.sequence
        return self.sequence

    def abandon(self, slot: int) -> None:
        self.claimed.remove(slot)

    def take(self, reader: Reader) -> tuple[int, int] | None:
        """(slot, sequence) of the newest picture, if this reader has not had it."""
        if self.newest <= reader.seen or self.newest not in self.contents:
            return None
        slot = self.contents.index(self.newest)
        reader.held.add(slot)
        reader.seen = self.newest
        return slot, self.newest
