# cython: auto_pickle=False, autotestdict=False
"""Binding of csrc/host: a session carried by a thread that needs no GIL. Private; see Link."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EINVAL
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy
from posix.unistd cimport getpid

from firmware_bridge.carrier_c cimport *
from firmware_bridge.link_c cimport *

include "views.pxi"

import os
import secrets

import numpy as np

UNENDED = EC_BATCH_UNENDED
LOGS = EC_INBOX_LOGS

# Between looks at signals while a caller waits, us.
cdef enum:
    SLICE_US = 50_000


cdef class Carrier:
    """A host's session and its thread. Every method may be called from any thread."""

    cdef ec_carrier *carrier
    cdef ec_memory memory
    cdef bytes name
    cdef bytes version
    cdef ec_auth auth
    cdef uint8_t *traced
    cdef int process  # that has the thread: a fork has not

    def __cinit__(self, *, uint32_t boot_id, str name="", str version="",
                  const uint8_t[::1] key=None, bint required=True, size_t trace_bytes=0):
        cdef ec_config config
        config.role = EC_HOST
        config.boot_id = boot_id
        self.name = name.encode()
        self.version = version.encode()
        config.name = self.name
        config.version = self.version
        config.schema = NULL
        config.rto_floor_us = config.silence_ms = 0
        config.lease_max_ms = config.heartbeat_ms = 0
        config.auth = NULL
        if key is not None:
            give_key(&self.auth, key, secrets.token_bytes(KEY_BYTES), required)
            config.auth = &self.auth
        cdef ec_carrier *made = <ec_carrier *>calloc(1, sizeof(ec_carrier))
        if not allocate(&self.memory, EC_WINDOW_MAX, EC_PAYLOAD_MAX, RING_BYTES) or made == NULL:
            free(made)
            raise MemoryError("no memory for a link")
        cdef int number = ec_carrier_start(made, &config, &self.memory)
        if number:
            free(made)
            if number == EINVAL:
                raise ValueError(f"boot_id must not be 0, got {boot_id}")
            raise OSError(number, os.strerror(number))
        self.carrier = made
        self.process = getpid()
        if trace_bytes:
            self.traced = <uint8_t *>malloc(trace_bytes)
            if self.traced == NULL:
                raise MemoryError(f"no memory for a trace of {trace_bytes} bytes")
            ec_carrier_trace(made, self.traced, trace_bytes)

    def __dealloc__(self):
        if self.carrier != NULL:
            if self.process != getpid():
                return
            ec_carrier_destroy(self.carrier)
            ec_secret_wipe(&self.carrier.session, sizeof(ec_session))
            free(self.carrier)
        free(self.traced)
        ec_secret_wipe(&self.auth, sizeof(ec_auth))
        release(&self.memory)

    def attach(self, int fd, uint32_t byte_ns=0):
        """Carries the session over a non-blocking descriptor from now on.

        `byte_ns` is the time of a byte on a serial line, whose kernel buffer is then kept short;
        0: not a serial line.
        """
        ec_carrier_attach(self.carrier, fd, byte_ns)

    def detach(self):
        """Leaves the line; its descriptor may be closed afterwards."""
        with nogil:
            ec_carrier_detach(self.carrier)

    def set_pace(self, uint32_t byte_ns):
        """The attached line's speed was changed; `byte_ns` as in `attach`."""
        ec_carrier_set_pace(self.carrier, byte_ns)

    def stop(self):
        """Ends the thread."""
        with nogil:
            ec_carrier_stop(self.carrier)

    def mail(self, uint64_t timeout_us):
        """Waits for events; returns them and the errno that broke the line, or 0.

        One thread at a time. Returns early when there are any, the line breaks or `wake` is called.
        """
        cdef const ec_mailbox *taken
        cdef int broken = 0
        cdef size_t i
        with nogil:
            taken = ec_carrier_mail(self.carrier, timeout_us, &broken)
        return [translate(&taken.events[i], 0) for i in range(taken.count)], broken

    def wake(self):
        """Makes `mail` return soon."""
        ec_carrier_wake(self.carrier)

    def request(self, uint8_t channel, uint8_t type, const uint8_t[::1] payload, timeout_ms,
                uint32_t token):
        """Queues a request; False: the window is full. Its end is a Resolved with `token`."""
        cdef uint32_t wait = EC_NO_DEADLINE if timeout_ms is None else timeout_ms
        cdef ec_accepted answer = ec_carrier_request(
            self.carrier, channel, type, bytes_of(payload), payload.shape[0], wait, token)
        if answer == EC_TOO_LONG:
            raise too_long(&self.carrier.session, &self.memory, payload.shape[0])
        return answer == EC_ACCEPTED

    def ask(self, uint8_t channel, uint8_t type, const uint8_t[::1] payload, timeout_ms,
            Listener listener=None):
        """Queues a request for a caller that waits; None: the window is full.

        `listener`: of the event loop that waits for the answer; None: the calling thread will.
        """
        cdef uint32_t wait = EC_NO_DEADLINE if timeout_ms is None else timeout_ms
        cdef Waiter waiter = Waiter.__new__(Waiter)
        cdef ec_accepted answer = ec_carrier_ask(
            self.carrier, &waiter.waiter, channel, type, bytes_of(payload), payload.shape[0], wait,
            NULL if listener is None else &listener.listener)
        if answer == EC_TOO_LONG:
            raise too_long(&self.carrier.session, &self.memory, payload.shape[0])
        if answer == EC_FULL:
            return None
        waiter.carrier = self
        waiter.listener = listener
        return waiter

    def ask_many(self, uint8_t channel, uint8_t type, const uint8_t[:, ::1] records, timeout_ms):
        """Sends all records as requests and waits for their ends; one caller at a time.

        Returns:
            (outcomes, statuses): (n,) uint8 each; UNENDED where the link was closed before the end.
            None: another batch is under way.
        """
        cdef ec_batch batch
        cdef uint16_t limit = ec_session_peer(&self.carrier.session).slot_bytes or EC_PAYLOAD_MAX
        cdef bint ended = False
        if records.shape[1] > limit:
            raise too_long(&self.carrier.session, &self.memory, records.shape[1])
        outcomes = np.full(records.shape[0], UNENDED, np.uint8)
        statuses = np.zeros(records.shape[0], np.uint8)
        if records.shape[0] == 0:
            return outcomes, statuses
        cdef uint8_t[::1] outcome_view = outcomes
        cdef uint8_t[::1] status_view = statuses
        batch.records = &records[0, 0] if records.shape[1] else NULL
        batch.outcomes = &outcome_view[0]
        batch.statuses = &status_view[0]
        batch.size = records.shape[1]
        batch.count = records.shape[0]
        batch.timeout_ms = EC_NO_DEADLINE if timeout_ms is None else timeout_ms
        batch.channel = channel
        batch.type = type
        if not ec_carrier_begin_batch(self.carrier, &batch):
            return None
        try:
            while not ended:
                with nogil:
                    ended = ec_carrier_batch_ended(self.carrier, &batch, SLICE_US)
                PyErr_CheckSignals()
        finally:
            ec_carrier_leave_batch(self.carrier, &batch)
        return outcomes, statuses

    def ask_ping(self, uint16_t size):
        """Starts a clock exchange for a caller that waits."""
        cdef Waiter waiter = Waiter.__new__(Waiter)
        ec_carrier_ask_ping(self.carrier, &waiter.waiter, size)
        waiter.carrier = self
        return waiter

    def clock(self):
        """(offset, error) of the device's clock now, ns; None before the first exchange."""
        cdef int64_t offset = 0, error = 0
        if not ec_carrier_clock(self.carrier, &offset, &error):
            return None
        return offset, error

    def end_waiters(self):
        """Ends all callers that wait, unanswered."""
        ec_carrier_end_waiters(self.carrier)

    def publish(self, uint8_t channel, uint8_t type, const uint8_t[::1] payload):
        """Queues best-effort data; False: no open session or no room ever."""
        return published(ec_carrier_publish(self.carrier, channel, type, bytes_of(payload),
                                            payload.shape[0]), channel, payload.shape[0])

    def keep_alive(self, uint16_t lease_ms):
        """Renews the application's lease."""
        ec_carrier_keep_alive(self.carrier, lease_ms)

    def know_table(self, uint32_t hash):
        """Inboxes are bound to the table of messages that has this hash."""
        ec_carrier_know_table(self.carrier, hash)

    def trace(self):
        """What went over the line last, for `traced`, and whether older bytes were given up."""
        cdef ec_trace *trace = &self.carrier.trace
        pthread_mutex_lock(&self.carrier.lock)
        try:
            kept = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>trace.used)
            ec_trace_copy(trace, <uint8_t *>PyBytes_AS_STRING(kept))
            return kept, bool(trace.lost)
        finally:
            pthread_mutex_unlock(&self.carrier.lock)

    @property
    def undelivered(self):
        """Frames that inboxes dropped since the start."""
        return self.carrier.undelivered

    @property
    def open(self):
        return bool(ec_session_open(&self.carrier.session))

    @property
    def authenticated(self):
        """Whether it is open and each frame proves the key."""
        return bool(ec_session_authenticated(&self.carrier.session))

    @property
    def peer(self):
        """What the peer said of itself, by name."""
        pthread_mutex_lock(&self.carrier.lock)
        try:
            return peer_of(&self.carrier.session)
        finally:
            pthread_mutex_unlock(&self.carrier.lock)

    @property
    def stats(self):
        """Counters since the start; those per channel as dictionaries."""
        pthread_mutex_lock(&self.carrier.lock)
        try:
            return stats_of(&self.carrier.session)
        finally:
            pthread_mutex_unlock(&self.carrier.lock)


def traced(bytes kept):
    """The pieces of a trace, as they were read and written, the oldest first.

    Yields:
        Whether it went to the device, CLOCK_MONOTONIC us, bytes.
    """
    cdef ec_trace_entry entry
    cdef Py_ssize_t at = 0
    while at < len(kept):
        memcpy(&entry, PyBytes_AS_STRING(kept) + at, sizeof(entry))
        at += sizeof(entry)
        yield bool(entry.to_device), entry.t_us, kept[at : at + entry.length]
        at += entry.length


cdef enum:
    RING_BYTES = 16384


cdef class Line:
    """The clock's line by itself, for tests in virtual time; times are us, answers ns."""

    cdef ec_clock clock

    def __cinit__(self):
        ec_clock_reset(&self.clock)

    def begin_burst(self):
        ec_clock_begin_burst(&self.clock)

    def add(self, uint64_t t1, uint64_t t2, uint64_t t3, uint64_t t4):
        ec_clock_add(&self.clock, t1, t2, t3, t4)

    def offset(self, uint64_t host_us):
        cdef int64_t offset = 0, error = 0
        if not ec_clock_offset(&self.clock, host_us, &offset, &error):
            return None
        return offset, error


@cython.no_gc_clear
cdef class Listener:
    """An event loop's way to its answers: `fd` becomes readable, and then `take` has some."""

    cdef ec_listener listener
    cdef Carrier carrier

    def __cinit__(self, Carrier carrier):
        cdef int number = ec_listener_open(&self.listener)
        if number:
            raise OSError(number, os.strerror(number))
        self.carrier = carrier

    def __dealloc__(self):
        if self.carrier is not None:
            if self.carrier.process == getpid():
                ec_carrier_forget(self.carrier.carrier, &self.listener)
            ec_listener_close(&self.listener)

    @property
    def fd(self):
        return self.listener.fd

    def take(self):
        """Takes what came; waiters of this listener may be answered then."""
        with nogil:
            ec_carrier_listen(self.carrier.carrier, &self.listener)


@cython.no_gc_clear
cdef class Waiter:
    """One caller's own answer on its way."""

    cdef ec_waiter waiter
    cdef Carrier carrier
    cdef Listener listener

    def __dealloc__(self):
        if self.carrier is not None and self.carrier.process == getpid():
            ec_carrier_leave(self.carrier.carrier, &self.waiter)

    @property
    def answered(self):
        """Whether it is answered, or ended without an answer."""
        return bool(self.waiter.answered)

    def wait(self, timeout_s=None):
        """(event, elapsed_ns), or None: ended without an answer, or not answered in time."""
        cdef uint64_t now = ec_monotonic_us(), until = EC_NEVER, slice
        cdef bint answered = False
        if timeout_s is not None:
            until = now + <uint64_t>(timeout_s * 1e6)
        while not answered:
            slice = min(<uint64_t>SLICE_US, until - now)
            with nogil:
                answered = ec_carrier_answered(self.carrier.carrier, &self.waiter, slice)
                now = ec_monotonic_us()
            if now >= until:
                break
            PyErr_CheckSignals()
        if not answered or self.waiter.event.kind == EC_EVENT_NONE:
            return None
        return (translate(&self.waiter.event, 0),
                (self.waiter.answered_us - self.waiter.since_us) * 1000)


@cython.no_gc_clear
cdef class Inbox:
    """Frames of one message, kept until they are taken; the oldest go first when it is full."""

    cdef ec_inbox inbox
    cdef Carrier carrier

    def __cinit__(self, Carrier carrier, size_t frames, uint32_t number, *, bint notes):
        ec_inbox_init(&self.inbox, frames)
        self.inbox.number = number
        self.inbox.wants_note = notes
        self.carrier = carrier
        ec_carrier_add_inbox(carrier.carrier, &self.inbox)

    def __dealloc__(self):
        if self.carrier is not None and self.carrier.process == getpid():
            ec_carrier_remove_inbox(self.carrier.carrier, &self.inbox)
            ec_inbox_destroy(&self.inbox)

    def bind(self, int type, uint32_t epoch):
        """Takes frames of `type` from now on, LOGS: of the log channel, -1: none; `take` gives
        `epoch` back with them."""
        pthread_mutex_lock(&self.carrier.carrier.lock)
        self.inbox.type = type
        self.inbox.epoch = epoch
        pthread_mutex_unlock(&self.carrier.carrier.lock)

    def hand_over(self, size_t frames, bint notes):
        """To a reader for whom so many frames are kept, and who is told by mail that there are."""
        pthread_mutex_lock(&self.carrier.carrier.lock)
        self.inbox.frames_max = frames
        self.inbox.wants_note = notes
        pthread_mutex_unlock(&self.carrier.carrier.lock)

    def ready_by(self, int fd):
        """Names an eventfd that shall become readable with the first frame; -1: none."""
        pthread_mutex_lock(&self.carrier.carrier.lock)
        self.inbox.ready_fd = fd
        pthread_mutex_unlock(&self.carrier.carrier.lock)

    def close(self):
        """Takes no more; what was kept can still be taken."""
        pthread_mutex_lock(&self.carrier.carrier.lock)
        self.inbox.closed = True
        pthread_cond_broadcast(&self.inbox.changed)
        if self.inbox.ready_fd >= 0:
            os.eventfd_write(self.inbox.ready_fd, 1)
        pthread_mutex_unlock(&self.carrier.carrier.lock)

    @property
    def closed(self):
        return bool(self.inbox.closed)

    @property
    def dropped(self):
        return self.inbox.dropped

    def wait(self, timeout_s):
        """Whether there are frames, after waiting for the first or for the end."""
        cdef uint64_t now = ec_monotonic_us(), until = EC_NEVER
        cdef pthread_mutex_t *lock = &self.carrier.carrier.lock
        if timeout_s is not None:
            until = now + <uint64_t>(max(0.0, timeout_s) * 1e6)
        while True:
            with nogil:
                pthread_mutex_lock(lock)
                if self.inbox.frames == 0 and not self.inbox.closed and now < until:
                    ec_condition_wait(&self.inbox.changed, lock, min(until, now + SLICE_US))
                    now = ec_monotonic_us()
                pthread_mutex_unlock(lock)
            if self.inbox.frames or self.inbox.closed or now >= until:
                return self.inbox.frames != 0
            PyErr_CheckSignals()

    def take(self):
        """All frames, as runs of one epoch and type: [(epoch, type, bodies, lengths, t_us), ...].

        bodies: bytes, one frame's after the other; lengths: (n,) uint16; t_us: (n,) int64 arrival.
        """
        cdef uint8_t *kept = NULL
        cdef size_t head = 0, tail = 0
        pthread_mutex_lock(&self.carrier.carrier.lock)
        ec_inbox_take(&self.inbox, &kept, &head, &tail)
        pthread_mutex_unlock(&self.carrier.carrier.lock)
        runs = []
        try:
            while head < tail:
                runs.append(run_of(kept, &head, tail))
        finally:
            free(kept)
        return runs


cdef tuple run_of(const uint8_t *kept, size_t *head, size_t tail):
    """The frames from `head` on that share epoch and type; moves `head` behind them."""
    cdef ec_inbox_entry entry
    cdef size_t at = head[0], total = 0, count = 0, i
    cdef uint32_t epoch
    cdef uint8_t type
    memcpy(&entry, kept + at, sizeof(entry))
    epoch, type = entry.epoch, entry.type
    while at < tail and entry.epoch == epoch and entry.type == type:
        count += 1
        total += entry.length
        at += sizeof(entry) + entry.length
        if at < tail:
            memcpy(&entry, kept + at, sizeof(entry))
    lengths = np.empty(count, np.uint16)
    times = np.empty(count, np.int64)
    bodies = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>total)
    cdef uint16_t[::1] length_view = lengths
    cdef int64_t[::1] time_view = times
    cdef char *body = PyBytes_AS_STRING(bodies)
    at = head[0]
    for i in range(count):
        memcpy(&entry, kept + at, sizeof(entry))
        memcpy(body, kept + at + sizeof(entry), entry.length)
        length_view[i] = entry.length
        time_view[i] = <int64_t>entry.t_us
        body += entry.length
        at += sizeof(entry) + entry.length
    head[0] = at
    return epoch, type, bodies, lengths, times
