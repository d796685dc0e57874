"""Whatever a reader does, the producer neither dies nor waits, and other readers go on."""

import ctypes
import fcntl
import gc
import mmap
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edgecore import ring
from edgecore.errors import SourceError
from tests.ring.peers import NO_PLACE, NOT_ALLOWED, WELCOME, Reader

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
ASLEEP, NOTE = 1, 2
ALL = 2**64 - 1


forking = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture
def producer(place):
    with ring.Producer(place, 64, 48, "gray", slots=4) as producer:
        yield producer


@pytest.fixture
def witness(producer):
    """A reader that keeps to the protocol."""
    with ring.Consumer(producer.path) as witness:
        yield witness


def works(producer, witness, value):
    """A frame goes through."""
    slot = producer.claim()
    assert slot is not None
    slot.frame.planes[0][:] = value
    slot.publish()
    frame = witness.read(10)
    assert frame is not None
    return bool((frame.planes[0] == value).all())


def until(condition):
    """Hang-ups are noticed by the producer's own thread."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_a_page_full_of_rubbish_disturbs_nobody_and_goes_with_its_reader(producer, witness):
    hostile = Reader(producer.path)
    dice = random.Random(1)
    for value in range(200):
        hostile.scribble(dice.getrandbits(64) & ~0b11, dice.getrandbits(32))
        assert works(producer, witness, value)
    hostile.scribble(ALL, 0xFFFFFFFF)
    assert producer.claim() is None, "it may hold what it likes while it is there"
    assert producer.dropped == 1
    hostile.close()
    until(lambda: producer.readers == 1)
    assert producer.leased == 0
    assert works(producer, witness, 7)


def test_whoever_says_anything_is_shown_out(producer, witness):
    hostile = Reader(producer.path)
    hostile.scribble(ALL, 0)
    hostile.socket.send(random.Random(2).randbytes(9000))
    until(lambda: producer.readers == 1)
    assert hostile.socket.recv(1) == b""
    assert works(producer, witness, 1)
    hostile.close()


def test_notes_that_are_never_read_do_not_make_the_producer_wait(producer, witness):
    hostile = Reader(producer.path)
    for i in range(3000):
        hostile.scribble(0, NOTE)
        assert works(producer, witness, i % 256)
    hostile.close()


def test_memory_can_be_neither_written_nor_shortened(producer, witness):
    hostile = Reader(producer.path)
    stream, page = hostile.fds
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.mprotect.argtypes = libc.madvise.argtypes = [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
    ]
    libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
    for fd in (stream, page):
        with pytest.raises(PermissionError):
            os.ftruncate(fd, 0)
        with pytest.raises(PermissionError):
            os.ftruncate(fd, 1 << 24)
        with pytest.raises(PermissionError):
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    for writing in (stream, os.open(f"/proc/self/fd/{stream}", os.O_RDWR)):
        with pytest.raises(PermissionError):
            mmap.mmap(writing, 4096)
        with pytest.raises(PermissionError):
            os.pwrite(writing, b"?", 0)
        punch_hole, keep_size = 2, 1
        assert libc.fallocate(writing, punch_hole | keep_size, 0, 4096) == -1
    os.close(writing)
    mapped = libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_SHARED, stream, 0)
    assert libc.mprotect(mapped, 4096, mmap.PROT_READ | mmap.PROT_WRITE) == -1
    remove = 9
    assert libc.madvise(mapped, 4096, remove) == -1
    assert works(producer, witness, 3)
    # Its own page it may empty; the producer then reads zeros there.
    assert libc.fallocate(page, punch_hole | keep_size, 0, 4096) == 0
    assert works(producer, witness, 4)
    hostile.close()


def test_the_sixty_fifth_reader_has_no_place_until_one_leaves(producer):
    readers = [Reader(producer.path) for _ in range(64)]
    assert {reader.answer for reader in readers} == {WELCOME}
    assert producer.readers == 64
    turned_away = Reader(producer.path)
    assert (turned_away.answer, turned_away.fds) == (NO_PLACE, [])
    turned_away.close()
    with pytest.raises(SourceError, match="has 64 readers already, and no place"):
        ring.Consumer(producer.path)
    assert producer.refused == 2
    readers.pop().close()
    until(lambda: producer.readers == 63)
    with ring.Consumer(producer.path) as last:
        assert works(producer, last, 5)
    for reader in readers:
        reader.close()


def test_readers_that_come_and_go_leave_no_descriptor_and_no_memory_behind(producer):
    def left():
        mapped = Path("/proc/self/maps").read_text().count("edgecore-ring-reader")
        return mapped, len(os.listdir("/proc/self/fd"))

    gc.collect()  # what other tests left to it
    before = left()
    for _ in range(300):
        reader = Reader(producer.path)
        reader.page.close()
        reader.close()
    until(lambda: producer.readers == 0)
    mapped, descriptors = left()
    assert mapped == before[0]
    assert descriptors <= before[1]


def as_nobody(path):
    """What another user meets there."""
    script = f"""
import os, sys
from edgecore import ring
os.setuid({NOBODY})
try:
    print(ring.Consumer({str(path)!r}).description)
except ring.consumer.SourceError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a while")
def test_other_users_are_served_only_where_they_are_declared(place):
    place.parent.chmod(0o755)
    with ring.Producer(place, 64, 48, "gray"):
        assert place.stat().st_mode & 0o777 == 0o600
        assert "does not serve this user" in as_nobody(place), "the socket's mode keeps it out"
        place.chmod(0o666)
        assert "does not serve this user" in as_nobody(place), "its credentials do"
    with ring.Producer(place, 64, 48, "gray", uids=[1234]) as producer:
        assert "does not serve this user" in as_nobody(place)
        assert producer.refused == 1
    with ring.Producer(place, 64, 48, "gray", uids=[1234, NOBODY]):
        assert as_nobody(place) == f"ring {place}\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a while")
@forking
def test_refusal_is_told_before_anything_is_given(place):
    place.parent.chmod(0o755)
    with ring.Producer(place, 64, 48, "gray"):
        place.chmod(0o666)
        child = os.fork()
        if child == 0:
            os.setuid(NOBODY)
            refused = Reader(place)
            os._exit(0 if (refused.answer, refused.fds) == (NOT_ALLOWED, []) else 1)
        assert os.waitpid(child, 0)[1] == 0


@forking
def test_a_forked_child_of_a_reader_gives_back_none_of_its_parents_frames(producer, witness):
    assert works(producer, witness, 9)
    producer.claim().publish()
    frame = witness.read(10)
    assert producer.leased == 1
    script = os.fork()
    if script == 0:
        try:
            witness.read(0)
        except RuntimeError:
            del frame
            os._exit(0)
        os._exit(1)
    assert os.waitpid(script, 0)[1] == 0
    assert producer.leased == 1
    assert np.asarray(frame.planes[0]).shape == (48, 64)
