"""The real ring, socket and memory and all, step by step beside the plain one."""

import shutil
import struct
import tempfile

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edgecore import _ring, ring
from tests.reference.ring import Reader, Ring

WIDTH, HEIGHT = 64, 5
READERS = 4
PICTURE = _ring.Picture(WIDTH, HEIGHT, "gray", "bt601-full", [(0, WIDTH, WIDTH * HEIGHT)])


def fill(memory, stamp):
    memoryview(memory).cast("B")[:] = struct.pack("Q", stamp) * (WIDTH * HEIGHT // 8)


class RingMachine(RuleBasedStateMachine):
    """`readers` pairs the model's with the real ones and what they hold: {slot: (lease, stamp)}."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="ring-")
        self.path = f"{self.folder}/s"
        self.producer = None
        self.readers = []
        self.claims = {}
        self.stamp = 0
        self.stamps = {}

    def drawn(self, data, wanted=lambda entry: True):
        """One of the readers, by its number: Hypothesis keeps what it draws, and so a lease."""
        places = [i for i, entry in enumerate(self.readers) if wanted(entry)]
        return self.readers[data.draw(st.sampled_from(places), "reader")]

    @precondition(lambda self: self.producer is None)
    @rule(slots=st.integers(2, 6))
    def begin(self, slots):
        self.producer = ring.Producer(self.path, WIDTH, HEIGHT, "gray", slots=slots)
        self.model = Ring(slots)

    @precondition(lambda self: self.producer and len(self.readers) < READERS)
    @rule()
    def connect(self):
        self.model.readers.append(Reader())
        self.readers.append((self.model.readers[-1], _ring.Consumer(self.path, 10_000_000), {}))

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def die(self, data):
        reader, consumer, held = self.drawn(data)
        self.readers = [entry for entry in self.readers if entry[0] is not reader]
        self.model.readers.remove(reader)
        held.clear()
        del consumer

    @precondition(lambda self: self.producer)
    @rule()
    def claim(self):
        slot = self.model.claim()
        claim = self.producer._ring.claim()
        assert slot == (None if claim is None else claim.slot)
        if claim is not None:
            self.stamp += 1
            fill(claim, self.stamp)
            self.claims[slot] = (claim, self.stamp)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def publish(self, data):
        slot = data.draw(st.sampled_from(sorted(self.claims)), "slot")
        claim, stamp = self.claims.pop(slot)
        self.stamps[self.model.publish(slot)] = stamp
        claim.publish(stamp, PICTURE)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def abandon(self, data):
        slot = data.draw(st.sampled_from(sorted(self.claims)), "slot")
        self.claims.pop(slot)  # the last reference
        self.model.abandon(slot)

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def take(self, data):
        reader, consumer, held = self.drawn(data)
        expected = self.model.take(reader)
        lease = consumer.take()
        assert expected == (None if lease is None else (lease.slot, lease.sequence))
        assert consumer.arm()  # there is nothing more to take, whatever there was
        if lease is not None:
            assert lease.timestamp_ns == self.stamps[lease.sequence]
            held[lease.slot] = (lease, lease.timestamp_ns)

    @precondition(lambda self: any(held for _, _, held in self.readers))
    @rule(data=st.data())
    def release(self, data):
        reader, _, held = self.drawn(data, lambda entry: entry[2])
        slot = data.draw(st.sampled_from(sorted(held)), "slot")
        del held[slot]
        reader.held.remove(slot)

    @invariant()
    def what_is_held_never_changes(self):
        for _, _, held in self.readers:
            for lease, stamp in held.values():
                assert bytes(lease)[: WIDTH * HEIGHT] == struct.pack("Q", stamp) * (
                    WIDTH * HEIGHT // 8
                )

    @precondition(lambda self: self.producer)
    @invariant()
    def counts_agree(self):
        self.producer._ring.serve()
        assert self.producer.leased == len(self.model.leased())
        assert self.producer.dropped == self.model.dropped
        assert self.producer.readers == len(self.model.readers)

    def teardown(self):
        self.readers.clear()
        self.claims.clear()
        if self.producer:
            self.producer.close()
        shutil.rmtree(self.folder)


RingMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=50)
TestRing = RingMachine.TestCase
