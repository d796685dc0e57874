# cython: auto_pickle=False, autotestdict=False, nonecheck=True
"""Binding of csrc/frames. Private; see edgecore.ring.

The GIL is the lock that csrc/frames asks for: it is kept for every call but those that wait. A
forked child leaves alone what its parent shares with other processes.
"""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset, strncpy
from posix.types cimport uid_t
from posix.unistd cimport getpid

from edgecore.ring_c cimport *

import os

SLOTS_MAX = EC_SLOTS_MAX
READERS_MAX = EC_READERS_MAX
UIDS_MAX = EC_UIDS_MAX
SLOT_BYTES_MAX = EC_SLOT_BYTES_MAX

# As long as a signal or another thread's `close` may have to wait.
cdef enum:
    SLICE_US = 50000


cdef object failure(int number):
    return OSError(number, os.strerror(number))


cdef int same_process(int process) except -1:
    if process != getpid():
        raise RuntimeError("opened before this process was forked; open another one here")
    return 0


@cython.final
cdef class Picture:
    """What a slot holds, but for its timestamp; planes: (offset, stride, bytes) of each."""

    cdef ec_picture picture

    def __cinit__(self, uint32_t width, uint32_t height, str format, str color, planes):
        cdef bytes format_name = format.encode(), color_name = color.encode()
        memset(&self.picture, 0, sizeof(ec_picture))
        self.picture.width = width
        self.picture.height = height
        self.picture.planes = len(planes)
        strncpy(self.picture.format, format_name, EC_FORMAT_BYTES)
        strncpy(self.picture.color, color_name, EC_COLOR_BYTES)
        for i, (offset, stride, length) in enumerate(planes[:EC_PLANES_MAX]):
            self.picture.plane[i].offset = offset
            self.picture.plane[i].stride = stride
            self.picture.plane[i].bytes = length

    @property
    def size(self):
        """(width, height) in pixels."""
        return self.picture.width, self.picture.height

    @property
    def format(self):
        return self.picture.format.decode("ascii", "replace")

    @property
    def color(self):
        return self.picture.color.decode("ascii", "replace")

    @property
    def planes(self):
        return tuple([(self.picture.plane[i].offset, self.picture.plane[i].stride,
                       self.picture.plane[i].bytes) for i in range(self.picture.planes)])


@cython.final
@cython.no_gc_clear
cdef class Producer:
    """One stream: its memory, the socket at `path`, and the readers that came."""

    cdef ec_producer producer
    cdef int process
    cdef bint ready
    cdef readonly bint closed

    def __cinit__(self, str path, uint32_t slots, uint64_t slot_bytes, uids=(), buffers=()):
        cdef bytes name = os.fsencode(path)
        cdef ec_producer_config config
        cdef uid_t users[EC_UIDS_MAX]
        cdef int descriptors[EC_SLOTS_MAX]
        cdef int number
        if buffers and <uint64_t>len(buffers) != slots:
            raise ValueError(f"buffers must be one for each of {slots} slots, got {len(buffers)}")
        config.path = name
        config.slots = slots
        config.slot_bytes = slot_bytes
        config.uids = users
        config.uid_count = len(uids)
        config.buffers = descriptors if buffers else NULL
        for i, uid in enumerate(uids[:EC_UIDS_MAX]):
            users[i] = uid
        for i, fd in enumerate(buffers[:EC_SLOTS_MAX]):
            descriptors[i] = fd
        number = ec_producer_open(&self.producer, &config)
        if number:
            raise failure(number)
        self.process = getpid()
        self.ready = True

    def __dealloc__(self):
        if self.ready and self.process == getpid():
            if not self.closed:
                ec_producer_close(&self.producer)
            ec_producer_free(&self.producer)

    def close(self):
        """Hangs up on all readers; a second call does nothing."""
        if not self.closed and self.process == getpid():
            ec_producer_close(&self.producer)
        self.closed = True

    def fileno(self):
        """Readable when `serve` has something to do; -1 once closed."""
        return -1 if self.closed else ec_producer_fd(&self.producer)

    def serve(self):
        """Welcomes readers that connected, and forgets those that are gone."""
        if not self.closed and self.process == getpid():
            ec_producer_serve(&self.producer)

    def claim(self):
        """A slot to write into; None: all are leased, and a picture is counted as dropped."""
        if self.closed:
            raise ValueError("this producer is closed")
        same_process(self.process)
        cdef int slot = ec_producer_claim(&self.producer)
        if slot == EC_NO_SLOT:
            return None
        cdef Claim claim = Claim.__new__(Claim)
        claim.producer = self
        claim.slot = slot
        claim.pending = True
        return claim

    @property
    def readers(self):
        """How many are connected."""
        return 0 if self.closed else ec_producer_readers(&self.producer)

    @property
    def leased(self):
        """How many slots they hold."""
        return 0 if self.closed else ec_writer_leased(&self.producer.writer).bit_count()

    @property
    def dropped(self):
        """Pictures that found no slot."""
        return self.producer.writer.stream.dropped

    @property
    def refused(self):
        """Connections that were not welcome, or for which there was no place."""
        return self.producer.refused


@cython.final
@cython.no_gc_clear
cdef class Claim:
    """A slot that is being written: a writable buffer of all its bytes.

    The memory stays mapped as long as any view of it; a claim that nothing refers to is given back.
    """

    cdef Producer producer
    cdef readonly int slot
    cdef readonly bint pending

    def __dealloc__(self):
        self.abandon()

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.producer.producer.pixels[self.slot],
                          <Py_ssize_t>self.producer.producer.writer.stream.slot_bytes, 0, flags)

    @property
    def memory(self):
        """All its bytes, writable."""
        return memoryview(self)

    def abandon(self):
        """Gives the slot back unpublished; nothing once it was published."""
        if self.pending and not self.producer.closed and self.producer.process == getpid():
            ec_producer_abandon(&self.producer.producer, self.slot)
        self.pending = False

    def publish(self, timestamp_ns, Picture picture not None):
        """Shows it to the readers.

        Raises:
            ValueError: the picture does not fit the slot, or the claim or producer is at an end.
        """
        cdef ec_picture stamped = picture.picture
        same_process(self.producer.process)
        if not self.pending or self.producer.closed:
            raise ValueError("this slot was published or given back, or its producer is closed")
        stamped.timestamp_ns = timestamp_ns
        if not ec_producer_publish(&self.producer.producer, self.slot, &stamped):
            width, height = picture.size
            raise ValueError(
                f"{picture.format} {width}x{height} with planes {picture.planes} does not fit a "
                f"slot of {self.producer.producer.writer.stream.slot_bytes} bytes")
        self.pending = False


@cython.final
@cython.no_gc_clear
cdef class Consumer:
    """One connection to a producer, and the memory that came with it."""

    cdef ec_consumer consumer
    cdef Picture picture
    cdef int process
    cdef bint ready

    def __cinit__(self, str path, uint64_t timeout_us):
        cdef bytes name = os.fsencode(path)
        cdef const char *place = name
        cdef int number = EINTR
        while number == EINTR:
            PyErr_CheckSignals()
            with nogil:
                number = ec_consumer_open(&self.consumer, place, timeout_us)
        if number:
            raise failure(number)
        self.process = getpid()
        self.ready = True

    def __dealloc__(self):
        if self.ready and self.process == getpid():
            ec_consumer_close(&self.consumer)

    def fileno(self):
        """Readable after `arm`, with the next picture or the producer's end."""
        return ec_consumer_fd(&self.consumer)

    def take(self):
        """A lease of the newest picture; None: there is none newer than the last one taken.

        Raises:
            OSError: EPROTO, its description does not fit.
        """
        same_process(self.process)
        cdef Lease lease = Lease.__new__(Lease)
        cdef int number = ec_consumer_take(&self.consumer, &lease.lease)
        if number == EAGAIN:
            return None
        if number:
            raise failure(number)
        lease.consumer = self
        lease.picture = self.picture_of(&lease.lease)
        return lease

    cdef Picture picture_of(self, const ec_lease *lease):
        """One object for as long as the pictures are of one kind."""
        cdef ec_picture picture = lease.picture
        picture.timestamp_ns = 0
        if self.picture is None or memcmp(&self.picture.picture, &picture, sizeof(picture)):
            self.picture = Picture.__new__(Picture, 0, 0, "", "", ())
            self.picture.picture = picture
        return self.picture

    def take_in_time(self, uint64_t timeout_us):
        """The same, after waiting for it for at most `timeout_us`, and no longer than 50 ms.

        Raises:
            OSError: as `take`, and EPIPE: the producer is gone.
        """
        cdef int number
        lease = self.take()
        if lease is not None or timeout_us == 0:
            return lease
        with nogil:
            number = ec_consumer_wait(&self.consumer, min(timeout_us, <uint64_t>SLICE_US))
        if number == 0:
            return self.take()
        PyErr_CheckSignals()
        if number != EAGAIN:
            raise failure(number)
        return None

    @property
    def held(self):
        """How many slots are leased."""
        return ec_reader_held(&self.consumer.reader).bit_count()

    def arm(self):
        """Makes `fileno` readable with the next picture; False: there is a newer one already."""
        return bool(ec_consumer_arm(&self.consumer))

    def drain(self):
        """Takes what made `fileno` readable.

        Raises:
            OSError: EPIPE, the producer is gone.
        """
        cdef int number = ec_consumer_drain(&self.consumer)
        if number:
            raise failure(number)


@cython.final
@cython.no_gc_clear
cdef class Lease:
    """One picture: a read-only buffer of its slot's bytes, which no producer writes meanwhile.

    Views of the buffer hold the lease, and the lease ends with the last of them: nobody can read a
    slot that was given back.
    """

    cdef ec_lease lease
    cdef Consumer consumer
    cdef readonly Picture picture

    def __dealloc__(self):
        if self.consumer is not None and self.consumer.process == getpid():
            ec_consumer_release(&self.consumer.consumer, self.lease.slot)

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, <void *>self.consumer.consumer.pixels[self.lease.slot],
                          <Py_ssize_t>self.consumer.consumer.reader.slot_bytes, 1, flags)

    @property
    def memory(self):
        """All bytes of its slot, read-only."""
        return memoryview(self)

    @property
    def sequence(self):
        return self.lease.sequence

    @property
    def slot(self):
        return self.lease.slot

    @property
    def buffer(self):
        """The descriptor the pixels lie in, for a stream of buffers; else None. It is not a copy."""
        if not self.consumer.consumer.has_buffers:
            return None
        return self.consumer.consumer.buffers[self.lease.slot]

    @property
    def timestamp_ns(self):
        return self.lease.picture.timestamp_ns
