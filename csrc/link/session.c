#include "link/session.h"

#include "link/parts.h"

#include <string.h>

#define PING_MIN 24u

static uint32_t or_default(uint32_t value, uint32_t otherwise) {
    return value != 0 ? value : otherwise;
}

static bool power_of_two(uint8_t value) {
    return value != 0 && (value & (value - 1u)) == 0;
}

bool ec_session_init(ec_session* s, const ec_config* config, const ec_memory* memory,
                     uint64_t now) {
    memset(s, 0, sizeof *s);
    const ec_slots* slots = &memory->slots;
    if (config->boot_id == 0 || !power_of_two(slots->window) || slots->window > EC_WINDOW_MAX ||
        slots->slot_bytes < 32 || slots->slot_bytes > EC_PAYLOAD_MAX || slots->outbound == NULL ||
        slots->inbound == NULL || slots->outbound_bytes == NULL || slots->inbound_bytes == NULL) {
        return false;
    }
    s->config = *config;
    s->config.rto_floor_us = or_default(config->rto_floor_us, 10000);
    s->config.silence_ms = or_default(config->silence_ms, 1000);
    s->config.lease_max_ms = or_default(config->lease_max_ms, 1000);
    s->config.heartbeat_ms = or_default(config->heartbeat_ms, 200);
    s->memory = *slots;
    memset(slots->outbound, 0, slots->window * sizeof *slots->outbound);
    memset(slots->inbound, 0, slots->window * sizeof *slots->inbound);
    ec_ring_init(&s->rings[0], memory->telemetry, memory->telemetry_bytes);
    ec_ring_init(&s->rings[1], memory->log, memory->log_bytes);
    ec_ring_init(&s->rings[2], memory->bulk, memory->bulk_bytes);
    ec_decoder_init(&s->decoder, s->receive, sizeof s->receive);
    s->session =
        (uint16_t)config->boot_id; /* hosts that follow one another differ from the start */
    s->idle = true;
    ec_auth_begin(s);
    ec_handshake_restart(s, now);
    return true;
}

void ec_session_reopen(ec_session* s, uint64_t now) {
    ec_decoder_reset(&s->decoder);
    s->frame_waits = false;
    s->incompatible = false;
    s->wire_length = s->wire_at = 0;
    s->idle = true;
    ec_handshake_restart(s, now);
}

static void lose_expired_lease(ec_session* s, uint64_t now) {
    if (s->lease_held && now >= s->peer_lease_until_us) {
        s->lease_held = false;
        s->pending &= ~(uint32_t)EC_PENDING_LEASE_HELD;
        s->pending |= EC_PENDING_LEASE_LOST;
    }
}

static void take_heartbeat(ec_session* s, uint64_t now, const ec_frame* frame) {
    uint32_t lease_ms = ec_get_u16(frame->body + 2);
    lose_expired_lease(s, now);
    if (lease_ms == 0) {
        return;
    }
    lease_ms = lease_ms < s->config.lease_max_ms ? lease_ms : s->config.lease_max_ms;
    s->peer_lease_until_us = now + (uint64_t)lease_ms * 1000u;
    if (!s->lease_held) {
        s->lease_held = true;
        s->pending |= EC_PENDING_LEASE_HELD;
    }
}

static void take_ping(ec_session* s, const ec_frame* frame) {
    if (frame->length < PING_MIN) {
        s->stats.ignored++;
        return;
    }
    s->pong_bytes = frame->length;
    s->pong_t1_us = ec_get_u64(frame->body);
    s->pong_t2_us = s->frame_us;
    s->pending |= EC_PENDING_PONG;
}

static void take_pong(ec_session* s, const ec_frame* frame) {
    if (frame->length < PING_MIN || s->ping_us == 0 || ec_get_u64(frame->body) != s->ping_us) {
        s->stats.ignored++;
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        s->stamps[i] = ec_get_u64(frame->body + 8u * i);
    }
    s->stamps[3] = s->frame_us;
    s->ping_us = 0;
    s->pending |= EC_PENDING_PONG_EVENT;
}

/* A gap of almost 256 is a frame seen before, not a long silence. */
#define REPEATED 240u

static void take_data(ec_session* s, const ec_frame* frame) {
    uint8_t c = frame->channel;
    if (!(s->open || s->missed) || c < EC_CHANNEL_TELEMETRY || c >= EC_CHANNELS) {
        s->stats.ignored++;
        return;
    }
    c = (uint8_t)(c - EC_CHANNEL_TELEMETRY);
    uint8_t gap = (uint8_t)(frame->sequence - s->data_expected[c]);
    if ((s->data_known >> c & 1u) == 0) {
        gap = 0;
    } else if (gap >= REPEATED) {
        s->stats.duplicates++;
        return;
    }
    s->data_known |= (uint8_t)(1u << c);
    s->data_expected[c] = (uint8_t)(frame->sequence + 1u);
    s->data_gap = gap;
    s->stats.gaps[c] += gap;
    s->stats.data_received++;
    s->frame = *frame;
    s->frame_waits = true;
}

/* Frames that begin with the session's number. */
static void take_numbered(ec_session* s, uint64_t now, const ec_frame* frame) {
    bool reliable = frame->kind == EC_KIND_REQUEST || frame->kind == EC_KIND_RESULT;
    if (frame->length < (reliable ? EC_PREFIX_BYTES : 4u) || !s->open ||
        ec_get_u16(frame->body) != s->session) {
        ec_handshake_stranger(s, now);
    } else if (frame->kind == EC_KIND_REQUEST) {
        ec_reliable_request(s, now, frame);
    } else if (frame->kind == EC_KIND_RESULT) {
        ec_reliable_result(s, now, frame);
    } else if (frame->kind == EC_KIND_ACK) {
        ec_reliable_ack(s, now, frame);
    } else {
        take_heartbeat(s, now, frame);
    }
}

static void take_frame(ec_session* s, uint64_t now, ec_frame* frame) {
    if (!ec_auth_admit(s, frame)) {
        return;
    }
    if (frame->kind != EC_KIND_HELLO || !ec_auth_active(s)) {
        s->heard_us = now;
    }
    switch (frame->kind) {
    case EC_KIND_DATA:
        take_data(s, frame);
        break;
    case EC_KIND_REQUEST:
    case EC_KIND_RESULT:
    case EC_KIND_ACK:
    case EC_KIND_HEARTBEAT:
        take_numbered(s, now, frame);
        break;
    case EC_KIND_HELLO:
        ec_handshake_hello(s, now, frame);
        break;
    case EC_KIND_PING:
        take_ping(s, frame);
        break;
    case EC_KIND_PONG:
        take_pong(s, frame);
        break;
    default:
        s->stats.ignored++;
    }
}

static bool has_event(const ec_session* s) {
    return s->frame_waits || (s->pending & EC_PENDING_EVENTS & ~(uint32_t)EC_PENDING_RESET) != 0 ||
           ec_reliable_has_event(s);
}

size_t ec_session_input(ec_session* s, uint64_t now, const uint8_t* data, size_t length) {
    size_t at = 0;
    while (at < length && !has_event(s)) {
        size_t used = 0;
        ec_frame frame;
        ec_corrupt reason;
        if (ec_decoder_between(&s->decoder)) {
            s->frame_us = now;
        }
        if (ec_decoder_feed(&s->decoder, data + at, length - at, &used, &frame, &reason) ==
            EC_DECODED_FRAME) {
            take_frame(s, now, &frame);
        }
        at += used;
    }
    return at;
}

static uint64_t silence_at(const ec_session* s) {
    return s->open && s->config.role == EC_HOST
               ? s->heard_us + (uint64_t)s->config.silence_ms * 1000u
               : EC_NEVER;
}

static bool take_pending(ec_session* s, uint32_t bit) {
    bool set = (s->pending & bit) != 0;
    s->pending &= ~bit;
    return set;
}

bool ec_session_event(ec_session* s, uint64_t now, ec_event* event) {
    memset(event, 0, sizeof *event);
    if (now >= silence_at(s)) {
        ec_handshake_restart(s, now);
        s->missed = true;
    }
    lose_expired_lease(s, now);
    if (take_pending(s, EC_PENDING_SILENT)) {
        event->kind = EC_EVENT_SILENT;
    } else if (take_pending(s, EC_PENDING_INCOMPATIBLE)) {
        event->kind = EC_EVENT_INCOMPATIBLE;
#ifndef EC_NO_AUTH
    } else if (take_pending(s, EC_PENDING_UNAUTHENTICATED)) {
        event->kind = EC_EVENT_UNAUTHENTICATED;
#endif
    } else if (take_pending(s, EC_PENDING_OPEN)) {
        event->kind = EC_EVENT_OPEN;
        event->reset = take_pending(s, EC_PENDING_RESET);
    } else if (take_pending(s, EC_PENDING_LEASE_LOST)) {
        event->kind = EC_EVENT_LEASE_LOST;
    } else if (take_pending(s, EC_PENDING_LEASE_HELD)) {
        event->kind = EC_EVENT_LEASE_HELD;
    } else if (take_pending(s, EC_PENDING_PONG_EVENT)) {
        event->kind = EC_EVENT_PONG;
        event->t1 = s->stamps[0];
        event->t2 = s->stamps[1];
        event->t3 = s->stamps[2];
        event->t4 = s->stamps[3];
    } else if (s->frame_waits) {
        s->frame_waits = false;
        event->kind = EC_EVENT_DATA;
        event->channel = s->frame.channel;
        event->type = s->frame.type;
        event->body = s->frame.body;
        event->length = s->frame.length;
        event->gap = s->data_gap;
    } else {
        return ec_reliable_event(s, now, event);
    }
    return true;
}

static uint16_t lease_left_ms(const ec_session* s, uint64_t now) {
    if (s->lease_until_us <= now) {
        return 0;
    }
    return (uint16_t)(((uint32_t)(s->lease_until_us - now) + 999u) / 1000u); /* set in 16 bits */
}

/* A device sends them so that its host hears it; a host only for the application. */
static bool wants_heartbeat(const ec_session* s, uint64_t now) {
    return s->open && (s->config.role == EC_DEVICE || s->lease_until_us > now);
}

static void fill_ping(ec_session* s, uint64_t now, uint8_t kind, ec_frame* frame) {
    frame->kind = kind;
    frame->length = kind == EC_KIND_PING ? s->ping_bytes : s->pong_bytes;
    memset(s->body, 0, frame->length);
    if (kind == EC_KIND_PING) {
        s->ping_us = now != 0 ? now : 1;
        ec_put_u64(s->body, s->ping_us);
    } else {
        ec_put_u64(s->body, s->pong_t1_us);
        ec_put_u64(s->body + 8, s->pong_t2_us);
        ec_put_u64(s->body + 16, now);
    }
}

static bool next_control(ec_session* s, uint64_t now, ec_frame* frame) {
    if (s->config.role == EC_HOST && !s->open && now >= s->hello_due_us) {
        s->hello_session = s->session;
        s->hello_peer_boot = s->known_boot;
        s->hello_flags = 0;
        s->hello_due_us = now + s->hello_wait_us;
        s->hello_wait_us =
            s->hello_wait_us < EC_KNOCK_LAST_US ? 2 * s->hello_wait_us : EC_KNOCK_LAST_US;
        s->pending |= EC_PENDING_HELLO;
    }
    frame->body = s->body;
    if (take_pending(s, EC_PENDING_HELLO)) {
        frame->kind = EC_KIND_HELLO;
        frame->length = ec_handshake_fill(s);
    } else if (!s->open) {
        return false;
    } else if (now >= s->ack_due_us && take_pending(s, EC_PENDING_ACK)) {
        frame->kind = EC_KIND_ACK;
        frame->length = ec_reliable_fill_ack(s);
    } else if (wants_heartbeat(s, now) && now >= s->heartbeat_due_us) {
        s->heartbeat_due_us = now + (uint64_t)s->config.heartbeat_ms * 1000u;
        frame->kind = EC_KIND_HEARTBEAT;
        frame->length = 4;
        ec_put_u16(s->body, s->session);
        ec_put_u16(s->body + 2, lease_left_ms(s, now));
        s->told_until_us = s->lease_until_us;
    } else if (take_pending(s, EC_PENDING_PONG)) {
        fill_ping(s, now, EC_KIND_PONG, frame);
    } else if (take_pending(s, EC_PENDING_PING)) {
        fill_ping(s, now, EC_KIND_PING, frame);
    } else {
        return false;
    }
    return true;
}

static bool next_frame(ec_session* s, uint64_t now, ec_frame* frame) {
    memset(frame, 0, sizeof *frame);
    if (next_control(s, now, frame)) {
        return true;
    }
    if (!s->open) {
        return false;
    }
    unsigned ring = 0;
    while (ring < EC_DATA_CHANNELS && s->rings[ring].used == 0) {
        ring++;
    }
    /* Requests go before data of the same channel; without data, those of any channel. */
    uint8_t channel = (uint8_t)(EC_CHANNEL_TELEMETRY + ring);
    bool found = ec_reliable_next(s, now, channel, frame);
    if (!found && ring < EC_DATA_CHANNELS) {
        frame->channel = channel;
        s->stats.data_sent++;
        found = ec_ring_pop(&s->rings[ring], frame, s->body);
    }
    if (found) {
        s->ack_due_us = now; /* a waiting ACK goes with it */
    }
    return found;
}

size_t ec_session_output(ec_session* s, uint64_t now, uint8_t* out, size_t capacity) {
    size_t written = 0;
    while (written < capacity) {
        if (s->wire_at == s->wire_length) {
            ec_frame frame;
            if (!next_frame(s, now, &frame)) {
                s->idle = true;
                break;
            }
            ec_auth_seal(s, &frame);
            s->wire_at = 0;
            s->wire_length = (uint16_t)ec_frame_encode(&frame, s->idle, s->wire, sizeof s->wire);
            s->idle = false;
            if (s->config.role == EC_DEVICE) {
                s->heartbeat_due_us = now + (uint64_t)s->config.heartbeat_ms * 1000u;
            }
        }
        size_t left = (size_t)(s->wire_length - s->wire_at), room = capacity - written;
        size_t take = left < room ? left : room;
        memcpy(out + written, s->wire + s->wire_at, take);
        s->wire_at = (uint16_t)(s->wire_at + take);
        written += take;
    }
    return written;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t ec_session_due(const ec_session* s, uint64_t now) {
    const uint32_t to_send = EC_PENDING_PONG | EC_PENDING_PING;
    if (has_event(s) || s->wire_at != s->wire_length || (s->pending & EC_PENDING_HELLO) != 0 ||
        (s->open && (s->pending & to_send) != 0)) {
        return now;
    }
    uint64_t due = earlier(silence_at(s), ec_reliable_due(s, now));
    if (s->config.role == EC_HOST && !s->open) {
        due = earlier(due, s->hello_due_us);
    }
    if (s->open && (s->pending & EC_PENDING_ACK) != 0) {
        due = earlier(due, s->ack_due_us);
    }
    if (wants_heartbeat(s, now)) {
        due = earlier(due, s->heartbeat_due_us);
    }
    if (s->lease_held) {
        due = earlier(due, s->peer_lease_until_us);
    }
    for (unsigned ring = 0; s->open && ring < EC_DATA_CHANNELS; ring++) {
        if (s->rings[ring].used != 0) {
            return now;
        }
    }
    return due > now ? due : now;
}

bool ec_session_open(const ec_session* s) {
    return s->open;
}

#ifndef EC_NO_AUTH
bool ec_session_authenticated(const ec_session* s) {
    return s->open && ec_auth_active(s);
}
#endif

const ec_peer* ec_session_peer(const ec_session* s) {
    return &s->peer;
}

const ec_stats* ec_session_stats(const ec_session* s) {
    return &s->stats;
}

const ec_decoder* ec_session_decoder(const ec_session* s) {
    return &s->decoder;
}

ec_accepted ec_session_publish(ec_session* s, uint8_t channel, uint8_t type, const uint8_t* payload,
                               size_t length) {
    if (length > ec_auth_body_max(s) || channel >= EC_CHANNELS) {
        return EC_TOO_LONG;
    }
    if (!s->open || channel < EC_CHANNEL_TELEMETRY) {
        return EC_FULL;
    }
    unsigned ring = EC_DATA_PLACE(channel);
    int dropped =
        ec_ring_push(&s->rings[ring], s->data_sequence[ring], type, payload, (uint16_t)length);
    if (dropped < 0) {
        return EC_FULL;
    }
    s->data_sequence[ring]++;
    s->stats.dropped[ring] += (uint32_t)dropped;
    return EC_ACCEPTED;
}

void ec_session_keep_alive(ec_session* s, uint64_t now, uint16_t lease_ms) {
    if (s->told_until_us <= s->heartbeat_due_us) { /* the peer would not hear of it in time */
        s->heartbeat_due_us = now;
    }
    s->lease_until_us = now + (uint64_t)lease_ms * 1000u;
}

bool ec_session_lease(const ec_session* s, uint64_t now) {
    return s->lease_held && now < s->peer_lease_until_us;
}

void ec_session_ping(ec_session* s, uint16_t size) {
    uint16_t most = ec_auth_body_max(s);
    s->ping_bytes = size < PING_MIN ? PING_MIN : size > most ? most : size;
    s->pending |= EC_PENDING_PING;
}
