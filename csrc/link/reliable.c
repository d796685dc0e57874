/* Requests: selective repeat, and execution exactly once.
 *
 * The asking side gives ids in the order of first transmission and never has more than a window of
 * ids unresolved, so the answering side keeps one slot per id of the window: it remembers that the
 * request came, that it runs, and its result until the asking side has it. A repeated request meets
 * its slot and is not executed again. */

#include "link/slots.h"

#include <string.h>

/* ACK: session, next request expected, 32 after it; oldest unresolved own request, 32 after it. */
enum { ACK_SESSION = 0, ACK_IN_NEXT = 2, ACK_IN_BITS = 4, ACK_OUT_BASE = 8, ACK_OUT_BITS = 10 };
#define ACK_BYTES 14u

#define RTO_FIRST_US 100000u
#define RTO_LAST_US 1000000u
#define DOUBLINGS_MAX 6u

static uint16_t window(const ec_session* s) {
    return s->peer.window != 0 && s->peer.window < s->memory.window ? s->peer.window
                                                                    : s->memory.window;
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
    s->doublings = 0;
    uint32_t rto = stats->srtt_us + 4 * stats->rttvar_us;
    stats->rto_us = rto < s->config.rto_floor_us ? s->config.rto_floor_us : rto;
    if ((int32_t)(slot->order - s->acked_order) > 0) {
        s->acked_order = slot->order;
    }
}

static uint64_t back_off(const ec_session* s, const ec_slot* slot) {
    uint32_t rto = s->stats.rto_us != 0 ? s->stats.rto_us : RTO_FIRST_US;
    rto = rto < s->config.rto_floor_us ? s->config.rto_floor_us : rto;
    uint64_t wait = (uint64_t)rto << slot->doublings;
    uint64_t last = RTO_LAST_US > rto ? RTO_LAST_US : rto;
    return wait < last ? wait : last;
}

/* A wait that was too short is doubled, for later frames also: were it not kept until a sample says
 * otherwise, a round trip longer than the first wait would never be sampled (RFC 6298, 5.5). */
static void transmitted(ec_session* s, uint64_t now, ec_slot* slot) {
    bool again = slot->tries != 0;
    if (!again) {
        slot->doublings = s->doublings;
    } else if (slot->due_us != 0 && slot->doublings < DOUBLINGS_MAX) { /* else: see hasten */
        slot->doublings++;
        s->doublings = slot->doublings > s->doublings ? slot->doublings : s->doublings;
    }
    s->stats.retransmits += again;
    slot->tries = slot->tries < UINT8_MAX ? (uint8_t)(slot->tries + 1) : slot->tries;
    slot->sent_us = now;
    slot->due_us = now + back_off(s, slot);
    slot->order = ++s->order;
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
    ec_put_u16(s->body + EC_AT_SESSION, s->session);
    ec_put_u16(s->body + EC_AT_ID, slot->id);
    ec_put_u16(s->body + EC_AT_DEADLINE, fifth);
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
        return EC_WIRE_NO_DEADLINE;
    }
    if (slot->reported || slot->deadline_us <= now) {
        return 0;
    }
    uint64_t left_us = slot->deadline_us - now;
    if (left_us >= EC_WIRE_NO_DEADLINE * 1000u) {
        return EC_WIRE_NO_DEADLINE - 1u;
    }
    uint32_t left = (uint32_t)left_us / 1000u; /* a division of 64 bits is 700 bytes of code */
    return left == 0 ? 1 : (uint16_t)left;
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
        fill(s, best, EC_KIND_RESULT, best->status, ec_in_bytes(s, best), frame);
        s->stats.results_sent += best->tries == 0;
    } else {
        if (best->state == EC_SLOT_QUEUED) {
            best->state = EC_SLOT_SENT;
            best->id = s->out_next++;
            s->stats.requests_sent++;
        }
        fill(s, best, EC_KIND_REQUEST, time_left(best, now), ec_out_bytes(s, best), frame);
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
        if (out->state == EC_SLOT_QUEUED || (ec_on_the_way(out) && !out->reported)) {
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

bool ec_reliable_event(ec_session* s, uint64_t now, ec_event* event) {
    return ec_asking_expire(s, now, event) || ec_asking_report(s, event) ||
           ec_answering_deliver(s, now, event);
}

void ec_reliable_peer_reset(ec_session* s, uint16_t first) {
    for (uint8_t i = 0; i < s->memory.window; i++) {
        ec_slot* out = &s->memory.outbound[i];
        if (ec_on_the_way(out)) {
            ec_asking_resolve(s, out, EC_OUTCOME_UNKNOWN, 0);
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
        if (ec_on_the_way(out)) {
            out->state = EC_SLOT_SENT;
            out->due_us = now;
            out->tries = 0;
        } else if (out->state == EC_SLOT_QUEUED && out->length > s->peer.slot_bytes) {
            ec_asking_resolve(s, out, EC_OUTCOME_NOT_SENT, 0);
        }
        if (in->state == EC_SLOT_DONE) {
            in->due_us = now;
            in->tries = 0;
        }
    }
}
