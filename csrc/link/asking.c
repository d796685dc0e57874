/* Own requests, from the call to their outcome. */

#include "link/slots.h"

#include <string.h>

void ec_asking_resolve(ec_session* s, ec_slot* slot, ec_outcome outcome, uint8_t status) {
    if (slot->reported) {
        slot->state = EC_SLOT_FREE;
        return;
    }
    slot->state = EC_SLOT_RESOLVED;
    slot->outcome = (uint8_t)outcome;
    slot->status = status;
    s->resolved++;
}

ec_accepted ec_session_request(ec_session* s, uint64_t now, uint8_t channel, uint8_t type,
                               const uint8_t* payload, size_t length, uint32_t timeout_ms,
                               uint32_t token) {
    if (length > s->memory.slot_bytes || (s->peer.slot_bytes != 0 && length > s->peer.slot_bytes)) {
        return EC_TOO_LONG;
    }
    for (uint8_t i = 0; i < s->memory.window; i++) {
        ec_slot* slot = &s->memory.outbound[i];
        if (slot->state != EC_SLOT_FREE) {
            continue;
        }
        memset(slot, 0, sizeof *slot);
        slot->state = EC_SLOT_QUEUED;
        slot->channel = channel < EC_CHANNELS ? channel : EC_CHANNEL_BULK;
        slot->type = type;
        slot->token = token;
        slot->length = (uint16_t)length;
        slot->order = ++s->order;
        slot->deadline_us =
            timeout_ms == EC_NO_DEADLINE ? EC_NEVER : now + (uint64_t)timeout_ms * 1000u;
        if (length != 0) {
            memcpy(ec_out_bytes(s, slot), payload, length);
        }
        return EC_ACCEPTED;
    }
    return EC_FULL;
}

static ec_slot* find_out(const ec_session* s, uint16_t id) {
    for (uint8_t i = 0; i < s->memory.window; i++) {
        ec_slot* slot = &s->memory.outbound[i];
        if (ec_on_the_way(slot) && slot->id == id) {
            return slot;
        }
    }
    return NULL;
}

void ec_reliable_result(ec_session* s, uint64_t now, const ec_frame* frame) {
    uint16_t id = ec_get_u16(frame->body + EC_AT_ID);
    ec_slot* slot = find_out(s, id);
    if ((s->pending & EC_PENDING_ACK) == 0) {
        s->pending |= EC_PENDING_ACK;
        s->ack_due_us = now + EC_ACK_DELAY_US;
    }
    if (slot == NULL) {
        s->stats.duplicates++;
        return;
    }
    uint16_t length = (uint16_t)(frame->length - EC_PREFIX_BYTES);
    if (length > s->memory.slot_bytes) { /* it says what it holds in its HELLO: a peer's mistake */
        length = s->memory.slot_bytes;
    }
    s->stats.results_received++;
    slot->length = length;
    memcpy(ec_out_bytes(s, slot), frame->body + EC_PREFIX_BYTES, length);
    uint8_t status = frame->body[EC_AT_STATUS];
    ec_asking_resolve(s, slot, status == EC_STATUS_DONE ? EC_OUTCOME_DONE : EC_OUTCOME_REFUSED,
                      status);
    s->out_done |= 1u << (uint16_t)(id - s->out_base);
    while ((s->out_done & 1u) != 0) {
        s->out_done >>= 1;
        s->out_base++;
    }
}

bool ec_asking_expire(ec_session* s, uint64_t now, ec_event* event) {
    for (uint8_t i = 0; i < s->memory.window; i++) {
        ec_slot* slot = &s->memory.outbound[i];
        if (slot->deadline_us > now || slot->reported) {
            continue;
        }
        if (slot->state == EC_SLOT_QUEUED) {
            ec_asking_resolve(s, slot, EC_OUTCOME_NOT_SENT, 0);
        } else if (ec_on_the_way(slot)) {
            slot->reported = true;
            event->kind = EC_EVENT_OUTCOME;
            event->token = slot->token;
            event->outcome = EC_OUTCOME_TIMED_OUT;
            return true;
        }
    }
    return false;
}

bool ec_asking_report(ec_session* s, ec_event* event) {
    for (uint8_t i = 0; s->resolved != 0 && i < s->memory.window; i++) {
        ec_slot* slot = &s->memory.outbound[i];
        if (slot->state == EC_SLOT_RESOLVED) {
            slot->state = EC_SLOT_FREE;
            s->resolved--;
            event->kind = EC_EVENT_OUTCOME;
            event->channel = slot->channel;
            event->type = slot->type;
            event->token = slot->token;
            event->outcome = (ec_outcome)slot->outcome;
            event->status = slot->status;
            bool answered =
                event->outcome == EC_OUTCOME_DONE || event->outcome == EC_OUTCOME_REFUSED;
            event->body = ec_out_bytes(s, slot);
            event->length = answered ? slot->length : 0;
            return true;
        }
    }
    return false;
}
