# cython: auto_pickle=False, autotestdict=False
"""Binding of csrc/link, and the wait/read/write loop around it. Private; see firmware_bridge."""

from libc.errno cimport EAGAIN, EINTR, EIO, EPIPE, errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec
from posix.unistd cimport read, write

from firmware_bridge.link_c cimport *

from firmware_bridge.events import (
    Incompatible, LeaseHeld, LeaseLost, Opened, Received, Requested, Resolved, Silent, Stamps,
)
from typing import NamedTuple


cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int ppoll(pollfd *fds, unsigned long count, const timespec *timeout, const void *mask)
    enum: POLLIN, POLLOUT, POLLERR, POLLHUP, POLLNVAL

cdef extern from "<sys/ioctl.h>" nogil:
    int ioctl(int fd, unsigned long request, ...)
    enum: TIOCOUTQ

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *mutex, const void *attributes)
    int pthread_mutex_lock(pthread_mutex_t *mutex)
    int pthread_mutex_unlock(pthread_mutex_t *mutex)
    int pthread_mutex_destroy(pthread_mutex_t *mutex)


BODY_MAX = EC_BODY_MAX
PAYLOAD_MAX = EC_PAYLOAD_MAX
WINDOW_MAX = EC_WINDOW_MAX
NAME_MAX = EC_NAME_MAX

REASONS = ("cobs", "short", "long", "crc")
CHANNELS = ("control", "command", "telemetry", "log", "bulk")


def crc32c(const uint8_t[::1] data, uint32_t crc=0):
    """CRC-32C of bytes; continue a running value with `crc`."""
    return ec_crc32c(crc, &data[0] if data.shape[0] else NULL, data.shape[0])


def schema_blob():
    """The served descriptor table of this build's messages, as bytes."""
    cdef size_t length = ec_schema_bytes(&ec_messages)
    blob = bytearray(length)
    cdef uint8_t[::1] view = blob
    ec_schema_read(&ec_messages, 0, &view[0], length)
    return bytes(blob)


class Frame(NamedTuple):
    """One frame off the wire."""

    kind: int
    channel: int
    sequence: int
    type: int
    payload: bytes


def _checked_byte(name, value):
    if not 0 <= value <= 255:
        raise ValueError(f"{name} must be in 0..255, got {value}")
    return value


def encode(channel, type, const uint8_t[::1] payload, sequence=0, kind=0):
    """The bytes of one frame, ended by its delimiter."""
    cdef uint8_t out[EC_WIRE_MAX]
    cdef ec_frame frame
    if payload.shape[0] > EC_BODY_MAX:
        raise ValueError(
            f"payload must be at most {EC_BODY_MAX} bytes, got {payload.shape[0]}")
    frame.kind = _checked_byte("kind", kind)
    frame.channel = _checked_byte("channel", channel)
    frame.sequence = _checked_byte("sequence", sequence)
    frame.type = _checked_byte("type", type)
    frame.body = &payload[0] if payload.shape[0] else NULL
    frame.length = <uint16_t>payload.shape[0]
    cdef size_t length = ec_frame_encode(&frame, False, out, sizeof(out))
    return (<char *>out)[:length]


cdef class Decoder:
    """Frames out of a byte stream, fed in pieces of any size."""

    cdef ec_decoder decoder
    cdef uint8_t buffer[EC_FRAME_MAX]

    def __cinit__(self):
        ec_decoder_init(&self.decoder, self.buffer, EC_FRAME_MAX)

    def feed(self, const uint8_t[::1] data):
        """Frames completed by these bytes; corrupt ones are only counted."""
        cdef size_t at = 0, used = 0, length = data.shape[0]
        cdef ec_frame frame
        cdef ec_corrupt reason
        frames = []
        while at < length:
            if ec_decoder_feed(&self.decoder, &data[at], length - at, &used, &frame,
                               &reason) == EC_DECODED_FRAME:
                frames.append(Frame(frame.kind, frame.channel, frame.sequence, frame.type,
                                    (<const char *>frame.body)[:frame.length]))
            at += used
        return frames

    @property
    def frames(self):
        return self.decoder.frames

    @property
    def errors(self):
        return {name: self.decoder.errors[i] for i, name in enumerate(REASONS)}


cdef struct Ring:
    # Events copied out of the session, with their bodies, until Python takes them.
    ec_event events[512]
    uint64_t t_us[512]
    uint8_t bodies[65536]
    size_t count
    size_t used


cdef uint64_t monotonic_us() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <uint64_t>now.tv_sec * 1000000 + <uint64_t>now.tv_nsec // 1000


# One read yields at most this many bytes: the shortest frame is 10, so the events fit the ring.
cdef enum:
    CHUNK = 4096
    # What a serial port's kernel buffer is given ahead: so many bytes, or so much time.
    AHEAD_BYTES = 64
    AHEAD_NS = 2000000


cdef class Session:
    """An ec_session with its memory. Every method may be called from any thread."""

    cdef ec_session *session
    cdef ec_memory memory
    cdef pthread_mutex_t mutex
    cdef bint has_mutex
    cdef Ring *ring
    cdef bytes name
    cdef bytes version
    cdef uint8_t out[CHUNK]
    cdef size_t out_at
    cdef size_t out_length
    cdef int wake_fd
    cdef bint waiting
    cdef bint stopping

    def __cinit__(self, *, bint device, uint32_t boot_id, str name="", str version="",
                  uint8_t window=EC_WINDOW_MAX, uint16_t slot_bytes=EC_PAYLOAD_MAX,
                  size_t ring_bytes=16384, uint32_t rto_floor_us=0, uint32_t silence_ms=0,
                  uint32_t lease_max_ms=0, uint32_t heartbeat_ms=0, uint64_t now_us=0):
        cdef ec_config config
        self.wake_fd = -1
        self.name = name.encode()
        self.version = version.encode()
        self.session = <ec_session *>calloc(1, sizeof(ec_session))
        self.ring = <Ring *>calloc(1, sizeof(Ring))
        self.memory.outbound = <ec_slot *>calloc(window, sizeof(ec_slot))
        self.memory.inbound = <ec_slot *>calloc(window, sizeof(ec_slot))
        self.memory.outbound_bytes = <uint8_t *>calloc(window, slot_bytes)
        self.memory.inbound_bytes = <uint8_t *>calloc(window, slot_bytes)
        self.memory.telemetry = <uint8_t *>calloc(1, ring_bytes)
        self.memory.log = <uint8_t *>calloc(1, ring_bytes)
        self.memory.bulk = <uint8_t *>calloc(1, ring_bytes)
        self.memory.telemetry_bytes = ring_bytes
        self.memory.log_bytes = ring_bytes
        self.memory.bulk_bytes = ring_bytes
        self.memory.slot_bytes = slot_bytes
        self.memory.window = window
        if (self.session == NULL or self.ring == NULL or self.memory.outbound == NULL
                or self.memory.inbound == NULL or self.memory.outbound_bytes == NULL
                or self.memory.inbound_bytes == NULL or self.memory.telemetry == NULL
                or self.memory.log == NULL or self.memory.bulk == NULL):
            raise MemoryError("no memory for a session")
        pthread_mutex_init(&self.mutex, NULL)
        self.has_mutex = True
        config.role = EC_DEVICE if device else EC_HOST
        config.boot_id = boot_id
        config.name = self.name
        config.version = self.version
        config.schema = &ec_messages if device else NULL
        config.rto_floor_us = rto_floor_us
        config.silence_ms = silence_ms
        config.lease_max_ms = lease_max_ms
        config.heartbeat_ms = heartbeat_ms
        if not ec_session_init(self.session, &config, &self.memory, now_us):
            raise ValueError(
                f"boot_id must not be 0, window a power of two up to {EC_WINDOW_MAX}, slot_bytes "
                f"in 32..{EC_PAYLOAD_MAX}; got {boot_id}, {window}, {slot_bytes}")

    def __dealloc__(self):
        if self.has_mutex:
            pthread_mutex_destroy(&self.mutex)
        free(self.session)
        free(self.ring)
        free(self.memory.outbound)
        free(self.memory.inbound)
        free(self.memory.outbound_bytes)
        free(self.memory.inbound_bytes)
        free(self.memory.telemetry)
        free(self.memory.log)
        free(self.memory.bulk)

    # The mutex is held for microseconds and never while the GIL is waited for.

    cdef void collect(self, uint64_t now) noexcept nogil:
        """Moves events to the ring, as far as it holds; under the mutex."""
        cdef ec_event event
        cdef Ring *ring = self.ring
        while ring.count < 512 and ring.used + EC_BODY_MAX <= sizeof(ring.bodies):
            if not ec_session_event(self.session, now, &event):
                return
            if event.length:
                memcpy(ring.bodies + ring.used, event.body, event.length)
            event.body = ring.bodies + ring.used
            ring.used += event.length
            ring.t_us[ring.count] = now
            ring.events[ring.count] = event
            ring.count += 1

    cdef size_t feed(self, uint64_t now, const uint8_t *data, size_t length) noexcept nogil:
        cdef size_t at = 0, used = 1
        self.collect(now)
        while at < length and used:
            used = ec_session_input(self.session, now, data + at, length - at)
            at += used
            self.collect(now)
        return at

    cdef list take(self):
        """The ring's events as objects; empties it. One thread at a time."""
        cdef Ring *ring = self.ring
        cdef size_t i
        taken = [translate(&ring.events[i], ring.t_us[i]) for i in range(ring.count)]
        ring.count = 0
        ring.used = 0
        return taken

    def input(self, uint64_t now_us, const uint8_t[::1] data):
        """Events caused by these bytes and by the time."""
        cdef size_t at = 0, length = data.shape[0]
        events = []
        while True:
            pthread_mutex_lock(&self.mutex)
            at += self.feed(now_us, &data[at] if at < length else NULL, length - at)
            pthread_mutex_unlock(&self.mutex)
            if not self.ring.count:
                return events
            events += self.take()

    def output(self, uint64_t now_us, size_t capacity=CHUNK):
        """Bytes for the line, at most `capacity`."""
        buffer = bytearray(capacity)
        cdef uint8_t[::1] view = buffer
        cdef size_t length
        pthread_mutex_lock(&self.mutex)
        length = ec_session_output(self.session, now_us, &view[0] if capacity else NULL, capacity)
        pthread_mutex_unlock(&self.mutex)
        return bytes(buffer[:length])

    def due(self, uint64_t now_us):
        """When to look again, us; None: never by itself."""
        pthread_mutex_lock(&self.mutex)
        cdef uint64_t due = ec_session_due(self.session, now_us)
        pthread_mutex_unlock(&self.mutex)
        return None if due == EC_NEVER else due

    def reopen(self, uint64_t now_us):
        """The line was closed and opened: shake hands anew."""
        pthread_mutex_lock(&self.mutex)
        self.out_at = self.out_length = 0
        ec_session_reopen(self.session, now_us)
        pthread_mutex_unlock(&self.mutex)

    def request(self, uint64_t now_us, uint8_t channel, uint8_t type, const uint8_t[::1] payload,
                timeout_ms, uint32_t token):
        """Queues a request; False: the window is full. Its end is a Resolved with `token`."""
        cdef uint32_t wait = EC_NO_DEADLINE if timeout_ms is None else timeout_ms
        pthread_mutex_lock(&self.mutex)
        cdef ec_accepted answer = ec_session_request(
            self.session, now_us, channel, type, &payload[0] if payload.shape[0] else NULL,
            payload.shape[0], wait, token)
        cdef uint16_t limit = ec_session_peer(self.session).slot_bytes
        self.wake_locked()
        pthread_mutex_unlock(&self.mutex)
        if answer == EC_TOO_LONG:
            limit = limit or self.memory.slot_bytes
            raise ValueError(
                f"a request holds at most {min(limit, self.memory.slot_bytes)} bytes here, "
                f"got {payload.shape[0]}")
        return answer == EC_ACCEPTED

    def result(self, uint32_t handle, uint8_t status=0, const uint8_t[::1] payload=b""):
        """Answers a Requested; False: nobody waits for it any more."""
        pthread_mutex_lock(&self.mutex)
        cdef bint done = ec_session_result(self.session, handle, status,
                                           &payload[0] if payload.shape[0] else NULL,
                                           payload.shape[0])
        self.wake_locked()
        pthread_mutex_unlock(&self.mutex)
        return done

    def publish(self, uint8_t channel, uint8_t type, const uint8_t[::1] payload):
        """Queues best-effort data; False: no open session or no room ever."""
        pthread_mutex_lock(&self.mutex)
        cdef ec_accepted answer = ec_session_publish(
            self.session, channel, type, &payload[0] if payload.shape[0] else NULL,
            payload.shape[0])
        self.wake_locked()
        pthread_mutex_unlock(&self.mutex)
        if answer == EC_TOO_LONG:
            raise ValueError(f"data holds at most {EC_BODY_MAX} bytes on a channel below "
                             f"{EC_CHANNELS}, got {payload.shape[0]} on {channel}")
        return answer == EC_ACCEPTED

    def keep_alive(self, uint64_t now_us, uint16_t lease_ms):
        """Renews the application's lease."""
        pthread_mutex_lock(&self.mutex)
        cdef bint was_due = ec_session_due(self.session, now_us) <= now_us
        ec_session_keep_alive(self.session, now_us, lease_ms)
        if not was_due and ec_session_due(self.session, now_us) <= now_us:
            self.wake_locked()
        pthread_mutex_unlock(&self.mutex)

    def lease(self, uint64_t now_us):
        """Whether the peer's application holds a lease."""
        pthread_mutex_lock(&self.mutex)
        cdef bint held = ec_session_lease(self.session, now_us)
        pthread_mutex_unlock(&self.mutex)
        return held

    def ping(self, uint16_t size=32):
        """Starts a clock exchange; answered by Stamps, or not at all."""
        pthread_mutex_lock(&self.mutex)
        ec_session_ping(self.session, size)
        self.wake_locked()
        pthread_mutex_unlock(&self.mutex)

    @property
    def open(self):
        return bool(ec_session_open(self.session))

    @property
    def peer(self):
        """What the peer said of itself, by name."""
        pthread_mutex_lock(&self.mutex)
        cdef ec_peer peer = ec_session_peer(self.session)[0]
        pthread_mutex_unlock(&self.mutex)
        return {
            "boot_id": peer.boot_id,
            "schema_hash": peer.schema_hash,
            "body_max": peer.body_max,
            "slot_bytes": peer.slot_bytes,
            "window": peer.window,
            "protocol_min": peer.protocol_min,
            "protocol_max": peer.protocol_max,
            "name": (<const char *>peer.name).decode("utf-8", "replace"),
            "version": (<const char *>peer.version).decode("utf-8", "replace"),
        }

    @property
    def stats(self):
        """Counters since the start; those per channel as dictionaries."""
        pthread_mutex_lock(&self.mutex)
        cdef ec_stats stats = ec_session_stats(self.session)[0]
        cdef const ec_decoder *decoder = ec_session_decoder(self.session)
        cdef uint32_t frames = decoder.frames
        errors = {name: decoder.errors[i] for i, name in enumerate(REASONS)}
        pthread_mutex_unlock(&self.mutex)
        return {
            "frames": frames,
            "errors": errors,
            "requests_sent": stats.requests_sent,
            "requests_received": stats.requests_received,
            "results_sent": stats.results_sent,
            "results_received": stats.results_received,
            "retransmits": stats.retransmits,
            "duplicates": stats.duplicates,
            "data_sent": stats.data_sent,
            "data_received": stats.data_received,
            "gaps": {name: stats.gaps[i] for i, name in enumerate(CHANNELS)},
            "dropped": {name: stats.dropped[i] for i, name in enumerate(CHANNELS)},
            "ignored": stats.ignored,
            "opens": stats.opens,
            "srtt_us": stats.srtt_us,
            "rto_us": stats.rto_us,
        }

    def wake_by(self, int fd):
        """Names the write end of a non-blocking pipe whose read end `serve` watches."""
        self.wake_fd = fd

    def wake(self):
        """Makes a waiting `serve` return soon."""
        pthread_mutex_lock(&self.mutex)
        self.wake_locked()
        pthread_mutex_unlock(&self.mutex)

    cdef void wake_locked(self) noexcept nogil:
        cdef char byte = 1
        if self.waiting and self.wake_fd >= 0:
            self.waiting = False
            write(self.wake_fd, &byte, 1)

    def serve(self, int fd, int woken_fd, uint64_t timeout_us, uint32_t byte_ns=0):
        """Carries bytes between a non-blocking `fd` and the session, without the GIL.

        Returns (events, errno) as soon as there are events, `wake` was called, or timeout_us passed;
        errno is 0, or says why the line is closed (EPIPE at its end). `byte_ns` is the time of a byte
        on a serial line, whose kernel buffer is then kept short; 0: not a serial line.
        """
        cdef int why
        with nogil:
            why = self.carry(fd, woken_fd, timeout_us, byte_ns)
        return self.take(), why

    cdef int carry(self, int fd, int woken_fd, uint64_t timeout_us,
                   uint32_t byte_ns) noexcept nogil:
        cdef uint64_t now = monotonic_us(), until = now + timeout_us, due
        cdef uint8_t chunk[CHUNK]
        cdef pollfd fds[2]
        cdef ssize_t count
        cdef bint blocked
        cdef int queued
        cdef size_t ahead = CHUNK
        cdef timespec wait
        if byte_ns:
            ahead = min(max(<size_t>(AHEAD_NS // byte_ns), <size_t>AHEAD_BYTES), <size_t>CHUNK)
        while True:
            now = monotonic_us()
            pthread_mutex_lock(&self.mutex)
            self.waiting = False
            self.collect(now)
            queued = 0
            if byte_ns and ioctl(fd, TIOCOUTQ, &queued) < 0:
                queued = 0
            if self.out_at == self.out_length and queued <= <int>ahead:
                self.out_at = 0
                self.out_length = ec_session_output(self.session, now, self.out, ahead)
            pthread_mutex_unlock(&self.mutex)
            blocked = False
            if self.out_at < self.out_length:
                count = write(fd, self.out + self.out_at, self.out_length - self.out_at)
                if count >= 0:
                    self.out_at += <size_t>count
                    if self.out_at == self.out_length:
                        continue  # perhaps there is more
                    blocked = True
                elif errno == EAGAIN:
                    blocked = True
                elif errno != EINTR:
                    return errno
            pthread_mutex_lock(&self.mutex)
            due = ec_session_due(self.session, now)
            self.waiting = self.ring.count == 0
            pthread_mutex_unlock(&self.mutex)
            if self.ring.count:
                return 0
            if now >= until or self.stopping:
                self.waiting = False
                return 0
            if blocked:
                due = until
            elif queued > <int>ahead and due <= now:
                due = now + (<uint64_t>queued - ahead) * byte_ns // 1000 + 1
            if due > until:
                due = until
            wait.tv_sec = 0
            wait.tv_nsec = 0
            if due > now:
                wait.tv_sec = <long>((due - now) // 1000000)
                wait.tv_nsec = <long>((due - now) % 1000000 * 1000)
            fds[0].fd = fd
            fds[0].events = POLLIN | (POLLOUT if blocked else 0)
            fds[0].revents = 0
            fds[1].fd = woken_fd
            fds[1].events = POLLIN
            fds[1].revents = 0
            ppoll(fds, 2, &wait, NULL)
            if fds[1].revents & POLLIN:
                read(woken_fd, chunk, sizeof(chunk))
                if self.stopping:
                    return 0
            if fds[0].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL):
                count = read(fd, chunk, sizeof(chunk))
                if count == 0:
                    return EPIPE
                if count < 0:
                    if errno != EAGAIN and errno != EINTR:
                        return errno
                    if fds[0].revents & (POLLHUP | POLLERR | POLLNVAL):
                        return EIO
                    continue
                now = monotonic_us()
                pthread_mutex_lock(&self.mutex)
                self.feed(now, chunk, <size_t>count)
                pthread_mutex_unlock(&self.mutex)

    def stop(self):
        """Makes `serve` return now, and from now on at once."""
        pthread_mutex_lock(&self.mutex)
        self.stopping = True
        self.wake_locked()
        pthread_mutex_unlock(&self.mutex)


cdef object translate(const ec_event *event, uint64_t t_us):
    payload = (<const char *>event.body)[:event.length] if event.length else b""
    if event.kind == EC_EVENT_DATA:
        return Received(event.channel, event.type, payload, event.gap, t_us)
    if event.kind == EC_EVENT_OUTCOME:
        return Resolved(event.token, event.outcome, event.status, payload)
    if event.kind == EC_EVENT_REQUEST:
        deadline = None if event.deadline_us == EC_NEVER else event.deadline_us
        return Requested(event.handle, event.channel, event.type, payload, deadline)
    if event.kind == EC_EVENT_PONG:
        return Stamps(event.t1, event.t2, event.t3, event.t4)
    if event.kind == EC_EVENT_OPEN:
        return Opened(bool(event.reset))
    if event.kind == EC_EVENT_SILENT:
        return Silent()
    if event.kind == EC_EVENT_INCOMPATIBLE:
        return Incompatible()
    if event.kind == EC_EVENT_LEASE_HELD:
        return LeaseHeld()
    return LeaseLost()
