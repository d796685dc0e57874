/* The peer's requests, from the wire to the application and back. */

#include "link/slots.h"

#include <string.h>

static uint64_t deadline_of(const ec_frame* frame, uint64_t now) {
    uint16_t left = ec_get_u16(frame->body + EC_AT_DEADLINE);
    if (left == EC_WIRE_NO_DEADLINE) {
        return EC_NEVER;
    }
    return left == 0 ? 0 : now + (uint64_t)left * 1000u;
}

static void advance_in(ec_session* s) {
    while ((s->in_seen & 1u) != 0) {
        s->in_seen >>= 1;
        s->in_next++;
    }
}

void ec_reliable_request(ec_session* s, uint64_t now, const ec_frame* frame) {
    uint16_t id = ec_get_u16(frame->body + EC_AT_ID);
    int16_t ahead = (int16_t)(id - s->in_next);
    ec_slot* slot = ec_in_slot(s, id);
    bool seen = ahead < 0 || (ahead < 32 && (s->in_seen >> ahead & 1u) != 0);
    uint64_t deadline = deadline_of(frame, now);
    s->pending |= EC_PENDING_ACK;
    s->ack_due_us = now;
    if (seen) {
        s->stats.duplicates++;
        if (slot->id == id && slot->state == EC_SLOT_RECEIVED && deadline < slot->deadline_us) {
            slot->deadline_us = deadline; /* the asking side gave up on it */
        }
        return;
    }
    uint16_t length = (uint16_t)(frame->length - EC_PREFIX_BYTES);
    bool taken = slot->state == EC_SLOT_RECEIVED || slot->state == EC_SLOT_RUNNING;
    if (ahead >= s->memory.window || taken || length > s->memory.slot_bytes ||
        frame->channel >= EC_CHANNELS) {
        s->stats.ignored++;
        return;
    }
    s->stats.requests_received++;
    memset(slot, 0, sizeof *slot);
    slot->state = EC_SLOT_RECEIVED;
    slot->id = id;
    slot->channel = frame->channel;
    slot->type = frame->type;
    slot->length = length;
    slot->deadline_us = deadline;
    memcpy(ec_in_bytes(s, slot), frame->body + EC_PREFIX_BYTES, length);
    s->in_seen |= 1u << ahead;
    advance_in(s);
}

bool ec_session_result(ec_session* s, uint32_t handle, uint8_t status, const uint8_t* payload,
                       size_t length) {
    uint16_t id = (uint16_t)handle;
    ec_slot* slot = ec_in_slot(s, id);
    if ((uint16_t)(handle >> 16) != s->generation || slot->state != EC_SLOT_RUNNING ||
        slot->id != id || length > s->memory.slot_bytes) {
        return false;
    }
    slot->state = EC_SLOT_DONE;
    slot->status = status;
    slot->length = (uint16_t)length;
    slot->tries = 0;
    slot->due_us = 0;
    slot->order = ++s->order;
    if (length != 0) {
        memmove(ec_in_bytes(s, slot), payload, length);
    }
    return true;
}

/* Control requests are the session's to answer: the descriptor table, a piece at a time. */
static void answer_control(ec_session* s, const ec_slot* slot, uint32_t handle) {
    const ec_schema* schema = s->config.schema;
    const uint8_t* bytes = ec_in_bytes(s, slot);
    if (slot->type != EC_TYPE_DESCRIBE || schema == NULL) {
        ec_session_result(s, handle, EC_STATUS_UNKNOWN_TYPE, NULL, 0);
        return;
    }
    if (slot->length < 2) {
        ec_session_result(s, handle, EC_STATUS_BAD_ARGUMENT, NULL, 0);
        return;
    }
    uint16_t offset = ec_get_u16(bytes);
    ec_put_u16(s->body, (uint16_t)ec_schema_bytes(schema));
    size_t room = s->memory.slot_bytes;
    if (s->peer.slot_bytes >= 3 && s->peer.slot_bytes < room) {
        room = s->peer.slot_bytes;
    }
    size_t length = ec_schema_read(schema, offset, s->body + 2, room - 2u);
    ec_session_result(s, handle, EC_STATUS_DONE, s->body, length + 2u);
}

bool ec_answering_deliver(ec_session* s, uint64_t now, ec_event* event) {
    while (s->in_deliver != s->in_next) {
        ec_slot* slot = ec_in_slot(s, s->in_deliver++);
        uint32_t handle = (uint32_t)s->generation << 16 | slot->id;
        slot->state = EC_SLOT_RUNNING;
        if (now > slot->deadline_us) {
            ec_session_result(s, handle, EC_STATUS_LATE, NULL, 0);
        } else if (slot->channel == EC_CHANNEL_CONTROL) {
            answer_control(s, slot, handle);
        } else if (!ec_auth_allows(s, slot->type)) {
            ec_session_result(s, handle, EC_STATUS_UNAUTHENTICATED, NULL, 0);
        } else {
            event->kind = EC_EVENT_REQUEST;
            event->channel = slot->channel;
            event->type = slot->type;
            event->body = ec_in_bytes(s, slot);
            event->length = slot->length;
            event->handle = handle;
            event->deadline_us = slot->deadline_us;
            return true;
        }
    }
    return false;
}
