/* Requests: selective repeat, and execution exactly once.
 *
 * The asking side gives ids in the order of first transmission and never has more than a window of
 * ids unresolved, so the answering side keeps one slot per id of the window: it remembers that the
 * request came, that it runs, and its result until the asking side has it. A repeated request meets
 * its slot and is not executed again. */

#include "link/parts.h"

#include <string.h>

enum { AT_SESSION = 0, AT_ID = 2, AT_DEADLINE = 4, AT_STATUS = 4 };

/* ACK: session, next request expected, 32 after it; oldest unresolved own request, 32 after it. */
enum { ACK_SESSION = 0, ACK_IN_NEXT = 2, ACK_IN_BITS = 4, ACK_OUT_BASE = 8, ACK_OUT_BITS = 10 };
#define ACK_BYTES 14u

#define WIRE_NO_DEADLINE 0xFFFFu
#define RTO_FIRST_US 100000u
#define RTO_LAST_US 1000000u

static uint8_t* out_bytes(const ec_session* s, const ec_slot* slot) {
    return s->memory.outbound_bytes + (size_t)(slot - s->memory.outbound) * s->memory.slot_bytes;
}

static ec_slot* in_slot(const ec_session* s, uint16_t id) {
    return &s->memory.inbound[id & (s->memory.window - 1u)];
}

static uint8_t* in_bytes(const ec_session* s, const ec_slot* slot) {
    return s->memory.inbound_bytes + (size_t)(slot - s->memory.inbound) * s->memory.slot_bytes;
}

static uint16_t window(const ec_session* s) {
    return s->peer.window != 0 && s->peer.window < s->memory.window ? s->peer.window
                                                                    : s->memory.window;
}

static bool on_the_way(const ec_slot* slot) {
    return slot->state == EC_SLOT_SENT || slot->state == EC_SLOT_ACKED;
}

/* Jacobson and Karels, SIGCOMM 1988: SRTT + 4 RTTVAR; only from frames sent once (Karn). */
static void sample(ec_session* s, uint64_t now, const ec_slot* slot) {
    if (slot->tries != 1 || now < slot->sent_us) {
        return;
    }
    uint64_t elapsed = now - slot->sent_us;
    uint32_t rtt = elapsed < RTO_LAST_US ? (uint32_t)elapsed : RTO_LAST_US;
    ec_stats* stats = &s->stats;
    if (stats->srtt_us == 0) {
        stats->srtt_us = rtt + 1;
        stats->rttvar_us = rtt / 2;
    } else {
        uint32_t off = rtt > stats->srtt_us ? rtt - stats->srtt_us : stats->srtt_us - rtt;
        stats->rttvar_us = (3 * stats->rttvar_us + off) / 4;
        stats->srtt_us = (7 * stats->srtt_us + rtt) / 8 + 1;
    }
    uint32_t rto = stats->srtt_us + 4 * stats->rttvar_us;
    stats->rto_us = rto < s->config.rto_floor_us ? s->config.rto_floor_us : rto;
    if ((int32_t)(slot->order - s->acked_order) > 0) {
        s->acked_order = slot->order;
    }
}

static uint64_t back_off(const ec_session* s, const ec_slot* slot) {
    uint32_t rto = s->stats.rto_us != 0 ? s->stats.rto_us : RTO_FIRST_US;
    rto = rto < s->config.rto_floor_us ? s->config.rto_floor_us : rto;
    unsigned doublings = slot->tries > 1 ? slot->tries - 1u : 0;
    uint64_t wait = (uint64_t)rto << (doublings < 6 ? doublings : 6);
    uint64_t last = RTO_LAST_US > rto ? RTO_LAST_US : rto;
    return wait < last ? wait : last;
}

static void transmitted(ec_session* s, uint64_t now, ec_slot* slot) {
    slot->tries = slot->tries < UINT8_MAX ? (uint8_t)(slot->tries + 1) : slot->tries;
    if (slot->tries > 1) {
        s->stats.retransmits++;
    }
    slot->sent_us = now;
    slot->due_us = now + back_off(s, slot);
    slot->order = ++s->order;
}

static void resolve(ec_session* s, ec_slot* slot, ec_outcome outcome, uint8_t status) {
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
            memcpy(out_bytes(s, slot), payload, length);
        }
        return EC_ACCEPTED;
    }
    return EC_FULL;
}

bool ec_session_result(ec_session* s, uint32_t handle, uint8_t status, const uint8_t* payload,
                       size_t length) {
    uint16_t id = (uint16_t)handle;
    ec_slot* slot = in_slot(s, id);
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
        memmove(in_bytes(s, slot), payload, length);
    }
    return true;
}

static uint64_t deadline_of(const ec_frame* frame, uint64_t now) {
    uint16_t left = ec_get_u16(frame->body + AT_DEADLINE);
    if (left == WIRE_NO_DEADLINE) {
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
    uint16_t id = ec_get_u16(frame->body + AT_ID);
    int16_t ahead = (int16_t)(id - s->in_next);
    ec_slot* slot = in_slot(s, id);
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
    memcpy(in_bytes(s, slot), frame->body + EC_PREFIX_BYTES, length);
    s->in_seen |= 1u << ahead;
    advance_in(s);
}

static ec_slot* find_out(const ec_session* s, uint16_t id) {
    for (uint8_t i = 0; i < s->memory.window; i++) {
        ec_slot* slot = &s->memory.outbound[i];
        if (on_the_way(slot) && slot->id == id) {
            return slot;
        }
    }
    return NULL;
}

void ec_reliable_result(ec_session* s, uint64_t now, const ec_frame* frame) {
    uint16_t id = ec_get_u16(frame->body + AT_ID);
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
    memcpy(out_bytes(s, slot), frame->body + EC_PREFIX_BYTES, length);
    uint8_t status = frame->body[AT_STATUS];
    resolve(s, slot, status == EC_STATUS_DONE ? EC_OUTCOME_DONE : EC_OUTCOME_REFUSED, status);
    s->out_done |= 1u << (uint16_t)(id - s->out_base);
    while ((s->out_done & 1u) != 0) {
        s->out_done >>= 1;
        s->out_base++;
    }
}

uint16_t ec_reliable_fill_ack(ec_session* s) {
    uint8_t* body = s->body;
    ec_put_u16(body + ACK_SESSION, s->session);
    ec_put_u16(body + ACK_IN_NEXT, s->in_next);
    ec_put_u32(body + ACK_IN_BITS, s->in_seen >> 1);
    ec_put_u16(body + ACK_OUT_BASE, s->out_base);
    ec_put_u32(body + ACK_OUT_BITS, s->out_done >> 1);
    return ACK_BYTES;
}

/* Whether an ACK of `next` and `bits` covers `id`. */
static bool covers(uint16_t next, uint32_t bits, uint16_t id) {
    int16_t ahead = (int16_t)(id - next);
    return ahead < 0 || (ahead > 0 && ahead <= 32 && (bits >> (ahead - 1) & 1u) != 0);
}

/* What was sent before something that has arrived, and has not arrived itself, is lost. */
static void hasten(const ec_session* s, ec_slot* slot) {
    if ((int32_t)(slot->order - s->acked_order) < 0) {
        slot->due_us = 0;
    }
}

void ec_reliable_ack(ec_session* s, uint64_t now, const ec_frame* frame) {
    if (frame->length < ACK_BYTES) {
        s->stats.ignored++;
        return;
    }
    const uint8_t* body = frame->body;
    uint16_t in_next = ec_get_u16(body + ACK_IN_NEXT), out_base = ec_get_u16(body + ACK_OUT_BASE);
    uint32_t in_bits = ec_get_u32(body + ACK_IN_BITS), out_bits = ec_get_u32(body + ACK_OUT_BITS);
    for (uint8_t i = 0; i < s->memory.window; i++) {
        ec_slot *out = &s->memory.outbound[i], *in = &s->memory.inbound[i];
        if (out->state == EC_SLOT_SENT && covers(in_next, in_bits, out->id)) {
            sample(s, now, out);
            out->state = EC_SLOT_ACKED;
        }
        if (in->state == EC_SLOT_DONE && covers(out_base, out_bits, in->id)) {
            sample(s, now, in);
            in->state = EC_SLOT_SETTLED;
        }
    }
    for (uint8_t i = 0; i < s->memory.window; i++) {
        ec_slot *out = &s->memory.outbound[i], *in = &s->memory.inbound[i];
        if (out->state == EC_SLOT_SENT) {
            hasten(s, out);
        }
        if (in->state == EC_SLOT_DONE && in->tries != 0) {
            hasten(s, in);
        }
    }
}

static bool may_start(const ec_session* s) {
    return (uint16_t)(s->out_next - s->out_base) < window(s);
}

/* Lowest channel first; within one, what waits longest. */
static bool before(const ec_slot* slot, const ec_slot* best) {
    if (best == NULL || slot->channel != best->channel) {
        return best == NULL || slot->channel < best->channel;
    }
    return (int32_t)(slot->order - best->order) < 0;
}

static void fill(ec_session* s, const ec_slot* slot, uint8_t kind, uint16_t fifth,
                 const uint8_t* payload, ec_frame* frame) {
    ec_put_u16(s->body + AT_SESSION, s->session);
    ec_put_u16(s->body + AT_ID, slot->id);
    ec_put_u16(s->body + AT_DEADLINE, fifth);
    memcpy(s->body + EC_PREFIX_BYTES, payload, slot->length);
    frame->kind = kind;
    frame->channel = slot->channel;
    frame->sequence = (uint8_t)slot->id;
    frame->type = slot->type;
    frame->body = s->body;
    frame->length = (uint16_t)(EC_PREFIX_BYTES + slot->length);
}

static uint16_t time_left(const ec_slot* slot, uint64_t now) {
    if (slot->deadline_us == EC_NEVER) {
        return WIRE_NO_DEADLINE;
    }
    if (slot->reported || slot->deadline_us <= now) {
        return 0;
    }
    uint64_t left = (slot->deadline_us - now) / 1000u;
    return left == 0 ? 1 : left < WIRE_NO_DEADLINE ? (uint16_t)left : WIRE_NO_DEADLINE - 1u;
}

static bool may_send(const ec_session* s, const ec_slot* slot, uint64_t now) {
    if (slot->state == EC_SLOT_QUEUED) {
        return may_start(s) && now < slot->deadline_us;
    }
    return (slot->state == EC_SLOT_SENT || slot->state == EC_SLOT_DONE) && slot->due_us <= now;
}

bool ec_reliable_next(ec_session* s, uint64_t now, uint8_t highest_channel, ec_frame* frame) {
    ec_slot* best = NULL;
    for (uint8_t i = 0; i < s->memory.window; i++) {
        ec_slot* pair[2] = {&s->memory.inbound[i], &s->memory.outbound[i]};
        for (int k = 0; k < 2; k++) {
            if (pair[k]->channel <= highest_channel && may_send(s, pair[k], now) &&
                before(pair[k], best)) {
                best = pair[k];
            }
        }
    }
    if (best == NULL) {
        return false;
    }
    if (best->state == EC_SLOT_DONE) {
        fill(s, best, EC_KIND_RESULT, best->status, in_bytes(s, best), frame);
        s->stats.results_sent += best->tries == 0;
    } else {
        if (best->state == EC_SLOT_QUEUED) {
            best->state = EC_SLOT_SENT;
            best->id = s->out_next++;
            s->stats.requests_sent++;
        }
        fill(s, best, EC_KIND_REQUEST, time_left(best, now), out_bytes(s, best), frame);
    }
    transmitted(s, now, best);
    return true;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t ec_reliable_due(const ec_session* s, uint64_t now) {
    uint64_t due = EC_NEVER;
    for (uint8_t i = 0; i < s->memory.window; i++) {
        const ec_slot *out = &s->memory.outbound[i], *in = &s->memory.inbound[i];
        if (out->state == EC_SLOT_QUEUED || (on_the_way(out) && !out->reported)) {
            due = earlier(due, out->deadline_us);
        }
        if (!s->open) {
            continue;
        }
        if (out->state == EC_SLOT_QUEUED && may_start(s)) {
            due = earlier(due, now);
        }
        if (out->state == EC_SLOT_SENT) {
            due = earlier(due, out->due_us);
        }
        if (in->state == EC_SLOT_DONE) {
            due = earlier(due, in->due_us);
        }
    }
    return due;
}

bool ec_reliable_has_event(const ec_session* s) {
    return s->resolved != 0 || s->in_deliver != s->in_next;
}

/* Reports deadlines that passed; a request on the wire stays in its slot until its RESULT comes. */
static bool expire(ec_session* s, uint64_t now, ec_event* event) {
    for (uint8_t i = 0; i < s->memory.window; i++) {
        ec_slot* slot = &s->memory.outbound[i];
        if (slot->deadline_us > now || slot->reported) {
            continue;
        }
        if (slot->state == EC_SLOT_QUEUED) {
            resolve(s, slot, EC_OUTCOME_NOT_SENT, 0);
        } else if (on_the_way(slot)) {
            slot->reported = true;
            event->kind = EC_EVENT_OUTCOME;
            event->token = slot->token;
            event->outcome = EC_OUTCOME_TIMED_OUT;
            return true;
        }
    }
    return false;
}

static bool report(ec_session* s, ec_event* event) {
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
            event->body = out_bytes(s, slot);
            event->length = answered ? slot->length : 0;
            return true;
        }
    }
    return false;
}

/* Control requests are the session's to answer: the descriptor table, a piece at a time. */
static void answer_control(ec_session* s, const ec_slot* slot, uint32_t handle) {
    const ec_schema* schema = s->config.schema;
    const uint8_t* bytes = in_bytes(s, slot);
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

static bool deliver(ec_session* s, uint64_t now, ec_event* event) {
    while (s->in_deliver != s->in_next) {
        ec_slot* slot = in_slot(s, s->in_deliver++);
        uint32_t handle = (uint32_t)s->generation << 16 | slot->id;
        slot->state = EC_SLOT_RUNNING;
        if (now > slot->deadline_us) {
            ec_session_result(s, handle, EC_STATUS_LATE, NULL, 0);
        } else if (slot->channel == EC_CHANNEL_CONTROL) {
            answer_control(s, slot, handle);
        } else {
            event->kind = EC_EVENT_REQUEST;
            event->channel = slot->channel;
            event->type = slot->type;
            event->body = in_bytes(s, slot);
            event->length = slot->length;
            event->handle = handle;
            event->deadline_us = slot->deadline_us;
            return true;
        }
    }
    return false;
}

bool ec_reliable_event(ec_session* s, uint64_t now, ec_event* event) {
    return expire(s, now, event) || report(s, event) || deliver(s, now, event);
}

void ec_reliable_peer_reset(ec_session* s, uint16_t first) {
    for (uint8_t i = 0; i < s->memory.window; i++) {
        ec_slot* out = &s->memory.outbound[i];
        if (on_the_way(out)) {
            resolve(s, out, EC_OUTCOME_UNKNOWN, 0);
        }
        s->memory.inbound[i].state = EC_SLOT_FREE;
    }
    s->out_base = s->out_next;
    s->out_done = 0;
    s->in_next = s->in_deliver = first;
    s->in_seen = 0;
    s->generation++;
}

void ec_reliable_resume(ec_session* s, uint64_t now) {
    for (uint8_t i = 0; i < s->memory.window; i++) {
        ec_slot *out = &s->memory.outbound[i], *in = &s->memory.inbound[i];
        if (on_the_way(out)) {
            out->state = EC_SLOT_SENT;
            out->due_us = now;
            out->tries = 0;
        } else if (out->state == EC_SLOT_QUEUED && out->length > s->peer.slot_bytes) {
            resolve(s, out, EC_OUTCOME_NOT_SENT, 0);
        }
        if (in->state == EC_SLOT_DONE) {
            in->due_us = now;
            in->tries = 0;
        }
    }
}
