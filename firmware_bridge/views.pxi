# What modules of this package show of a session to Python: included, since extensions share no code.

from firmware_bridge._codec import REASONS
from firmware_bridge.events import (
    Incompatible, LeaseHeld, LeaseLost, Opened, Ready, Received, Requested, Resolved, Silent, Stamps,
    Unauthenticated,
)

KEY_BYTES = EC_KEY_BYTES

CHANNELS = ("control", "command", "telemetry", "log", "bulk")


cdef const uint8_t *bytes_of(const uint8_t[::1] view):
    return &view[0] if view.shape[0] else NULL


cdef object too_long(const ec_session *session, const ec_memory *memory, size_t length):
    cdef uint16_t limit = ec_session_peer(session).slot_bytes or memory.slots.slot_bytes
    return ValueError(f"a request holds at most {min(limit, memory.slots.slot_bytes)} bytes here, "
                      f"got {length}")


cdef bint published(ec_accepted answer, uint8_t channel, size_t length) except -1:
    if answer == EC_TOO_LONG:
        raise ValueError(f"data holds at most {EC_BODY_MAX} bytes, {EC_TRAILER_BYTES} less with a "
                         f"key, on a channel below "
                         f"{EC_CHANNELS}, got {length} on {channel}")
    return answer == EC_ACCEPTED


cdef int give_key(ec_auth *auth, const uint8_t[::1] key, const uint8_t[::1] seed,
                  bint required) except -1:
    if key.shape[0] != EC_KEY_BYTES or seed.shape[0] != EC_KEY_BYTES:
        raise ValueError(f"expected a key of {EC_KEY_BYTES} bytes, got {key.shape[0]}")
    for i in range(EC_KEY_BYTES):
        auth.key[i] = key[i]
        auth.seed[i] = seed[i]
    auth.required = required
    return 0


cdef dict peer_of(const ec_session *session):
    cdef ec_peer peer = ec_session_peer(session)[0]
    return {
        "boot_id": peer.boot_id,
        "schema_hash": peer.schema_hash,
        "body_max": peer.body_max,
        "slot_bytes": peer.slot_bytes,
        "window": peer.window,
        "keyed": bool(peer.keyed),
        "protocol_min": peer.protocol_min,
        "protocol_max": peer.protocol_max,
        "name": (<const char *>peer.name).decode("utf-8", "replace"),
        "version": (<const char *>peer.version).decode("utf-8", "replace"),
    }


cdef dict stats_of(const ec_session *session):
    cdef ec_stats stats = ec_session_stats(session)[0]
    cdef const ec_decoder *decoder = ec_session_decoder(session)
    return {
        "frames": decoder.frames,
        "errors": {name: decoder.errors[i] for i, name in enumerate((*REASONS, "auth"))},
        "requests_sent": stats.requests_sent,
        "requests_received": stats.requests_received,
        "results_sent": stats.results_sent,
        "results_received": stats.results_received,
        "retransmits": stats.retransmits,
        "duplicates": stats.duplicates,
        "data_sent": stats.data_sent,
        "data_received": stats.data_received,
        "gaps": {name: stats.gaps[i] for i, name in enumerate(CHANNELS[EC_CHANNEL_TELEMETRY:])},
        "dropped": {name: stats.dropped[i] for i, name in enumerate(CHANNELS[EC_CHANNEL_TELEMETRY:])},
        "ignored": stats.ignored,
        "opens": stats.opens,
        "srtt_us": stats.srtt_us,
        "rto_us": stats.rto_us,
    }


cdef bint allocate(ec_memory *memory, uint8_t window, uint16_t slot_bytes, size_t ring_bytes):
    memory.slots.outbound = <ec_slot *>calloc(window, sizeof(ec_slot))
    memory.slots.inbound = <ec_slot *>calloc(window, sizeof(ec_slot))
    memory.slots.outbound_bytes = <uint8_t *>calloc(window, slot_bytes)
    memory.slots.inbound_bytes = <uint8_t *>calloc(window, slot_bytes)
    memory.telemetry = <uint8_t *>calloc(1, ring_bytes)
    memory.log = <uint8_t *>calloc(1, ring_bytes)
    memory.bulk = <uint8_t *>calloc(1, ring_bytes)
    memory.telemetry_bytes = ring_bytes
    memory.log_bytes = ring_bytes
    memory.bulk_bytes = ring_bytes
    memory.slots.slot_bytes = slot_bytes
    memory.slots.window = window
    return (memory.slots.outbound != NULL and memory.slots.inbound != NULL and memory.slots.outbound_bytes != NULL
            and memory.slots.inbound_bytes != NULL and memory.telemetry != NULL and memory.log != NULL
            and memory.bulk != NULL)


cdef void release(ec_memory *memory):
    free(memory.slots.outbound)
    free(memory.slots.inbound)
    free(memory.slots.outbound_bytes)
    free(memory.slots.inbound_bytes)
    free(memory.telemetry)
    free(memory.log)
    free(memory.bulk)


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
    if event.kind == EC_EVENT_UNAUTHENTICATED:
        return Unauthenticated()
    if event.kind == EC_EVENT_LEASE_HELD:
        return LeaseHeld()
    if event.kind == EC_EVENT_LEASE_LOST:
        return LeaseLost()
    return Ready(event.token)
