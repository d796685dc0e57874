# cython: auto_pickle=False, autotestdict=False
"""Binding of the session in csrc/link, without I/O: bytes and a clock in, bytes and events out.

For tests in virtual time and for what stands in for a device; a host's links are carried by
_carrier. Private; see firmware_bridge.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from firmware_bridge.link_c cimport *

include "views.pxi"

PAYLOAD_MAX = EC_PAYLOAD_MAX
WINDOW_MAX = EC_WINDOW_MAX
NAME_MAX = EC_NAME_MAX
CHUNK = 4096


def schema_blob():
    """The served descriptor table of this build's messages, as bytes."""
    cdef size_t length = ec_schema_bytes(&ec_messages)
    blob = bytearray(length)
    cdef uint8_t[::1] view = blob
    ec_schema_read(&ec_messages, 0, &view[0], length)
    return bytes(blob)


cdef class Session:
    """An ec_session with its memory."""

    cdef ec_session *session
    cdef ec_memory memory
    cdef bytes name
    cdef bytes version
    cdef bytes served
    cdef ec_schema schema
    cdef ec_auth auth
    cdef bytes open_types

    def __cinit__(self, *, bint device, uint32_t boot_id, str name="", str version="",
                  uint8_t window=EC_WINDOW_MAX, uint16_t slot_bytes=EC_PAYLOAD_MAX,
                  size_t ring_bytes=16384, uint32_t rto_floor_us=0, uint32_t silence_ms=0,
                  uint32_t lease_max_ms=0, uint32_t heartbeat_ms=0, uint64_t now_us=0,
                  bytes schema=None, const uint8_t[::1] key=None,
                  const uint8_t[::1] seed=bytes(KEY_BYTES), bint required=True,
                  bytes open_types=b""):
        cdef ec_config config
        self.name = name.encode()
        self.version = version.encode()
        self.session = <ec_session *>calloc(1, sizeof(ec_session))
        if not allocate(&self.memory, window, slot_bytes, ring_bytes) or self.session == NULL:
            raise MemoryError("no memory for a session")
        config.role = EC_DEVICE if device else EC_HOST
        config.boot_id = boot_id
        config.name = self.name
        config.version = self.version
        self.schema = ec_messages
        if schema is not None:
            if not 0 < len(schema) <= 65535:
                raise ValueError(f"schema must be 1 to 65535 bytes, got {len(schema)}")
            self.served = schema
            self.schema.served = self.served
            self.schema.served_bytes = <uint16_t>len(schema)
        config.schema = &self.schema if device else NULL
        config.rto_floor_us = rto_floor_us
        config.silence_ms = silence_ms
        config.lease_max_ms = lease_max_ms
        config.heartbeat_ms = heartbeat_ms
        config.auth = NULL
        if key is not None:
            give_key(&self.auth, key, seed, required)
            self.open_types = open_types
            self.auth.open_types = self.open_types
            self.auth.open_count = <uint8_t>len(open_types)
            config.auth = &self.auth
        if not ec_session_init(self.session, &config, &self.memory, now_us):
            raise ValueError(
                f"boot_id must not be 0, window a power of two up to {EC_WINDOW_MAX}, slot_bytes "
                f"in 32..{EC_PAYLOAD_MAX}; got {boot_id}, {window}, {slot_bytes}")

    def __dealloc__(self):
        if self.session != NULL:
            ec_secret_wipe(self.session, sizeof(ec_session))
        ec_secret_wipe(&self.auth, sizeof(ec_auth))
        free(self.session)
        release(&self.memory)

    cdef void collect(self, uint64_t now, list events):
        cdef ec_event event
        while ec_session_event(self.session, now, &event):
            events.append(translate(&event, now))

    def input(self, uint64_t now_us, const uint8_t[::1] data):
        """Events caused by these bytes and by the time."""
        cdef size_t at = 0, length = data.shape[0]
        events = []
        self.collect(now_us, events)
        while at < length:
            at += ec_session_input(self.session, now_us, &data[at], length - at)
            self.collect(now_us, events)
        return events

    def output(self, uint64_t now_us, size_t capacity=CHUNK):
        """Bytes for the line, at most `capacity`."""
        buffer = bytearray(capacity)
        cdef uint8_t[::1] view = buffer
        cdef size_t length = ec_session_output(self.session, now_us,
                                               &view[0] if capacity else NULL, capacity)
        return bytes(buffer[:length])

    def due(self, uint64_t now_us):
        """When to look again, us; None: never by itself."""
        cdef uint64_t due = ec_session_due(self.session, now_us)
        return None if due == EC_NEVER else due

    def reopen(self, uint64_t now_us):
        """The line was closed and opened: shake hands anew."""
        ec_session_reopen(self.session, now_us)

    def request(self, uint64_t now_us, uint8_t channel, uint8_t type, const uint8_t[::1] payload,
                timeout_ms, uint32_t token):
        """Queues a request; False: the window is full. Its end is a Resolved with `token`."""
        cdef uint32_t wait = EC_NO_DEADLINE if timeout_ms is None else timeout_ms
        cdef ec_accepted answer = ec_session_request(
            self.session, now_us, channel, type, bytes_of(payload), payload.shape[0], wait, token)
        if answer == EC_TOO_LONG:
            raise too_long(self.session, &self.memory, payload.shape[0])
        return answer == EC_ACCEPTED

    def result(self, uint32_t handle, uint8_t status=0, const uint8_t[::1] payload=b""):
        """Answers a Requested; False: nobody waits for it any more."""
        return ec_session_result(self.session, handle, status, bytes_of(payload),
                                 payload.shape[0])

    def publish(self, uint8_t channel, uint8_t type, const uint8_t[::1] payload):
        """Queues best-effort data; False: no open session or no room ever."""
        return published(ec_session_publish(self.session, channel, type, bytes_of(payload),
                                            payload.shape[0]), channel, payload.shape[0])

    def keep_alive(self, uint64_t now_us, uint16_t lease_ms):
        """Renews the application's lease."""
        ec_session_keep_alive(self.session, now_us, lease_ms)

    def lease(self, uint64_t now_us):
        """Whether the peer's application holds a lease."""
        return ec_session_lease(self.session, now_us)

    def ping(self, uint16_t size=32):
        """Starts a clock exchange; answered by Stamps, or not at all."""
        ec_session_ping(self.session, size)

    @property
    def open(self):
        return bool(ec_session_open(self.session))

    @property
    def authenticated(self):
        """Whether it is open and each frame proves the key."""
        return bool(ec_session_authenticated(self.session))

    @property
    def peer(self):
        """What the peer said of itself, by name."""
        return peer_of(self.session)

    @property
    def stats(self):
        """Counters since the start; those per channel as dictionaries."""
        return stats_of(self.session)
