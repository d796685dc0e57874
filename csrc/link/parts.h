#ifndef EC_LINK_PARTS_H
#define EC_LINK_PARTS_H

/* What the files of the session share among themselves; users include session.h only. */

#include "link/session.h"

/* A host knocks after the first wait, then after twice as long each time, up to about the last. */
#define EC_KNOCK_FIRST_US 50000u
#define EC_KNOCK_LAST_US 400000u

/* The ACK of a RESULT waits so long for a frame to go with: most often the next request. Well below
 * the shortest time-out. */
#define EC_ACK_DELAY_US 1000u

/* Bits of ec_session.pending: events to report, in the order of reporting, then frames to send. */
enum {
    EC_PENDING_SILENT = 1u << 0,
    EC_PENDING_INCOMPATIBLE = 1u << 1,
    EC_PENDING_OPEN = 1u << 2,
    EC_PENDING_RESET = 1u << 3, /* an attribute of OPEN */
    EC_PENDING_LEASE_LOST = 1u << 4,
    EC_PENDING_LEASE_HELD = 1u << 5,
    EC_PENDING_PONG_EVENT = 1u << 6,
    EC_PENDING_UNAUTHENTICATED = 1u << 7,
    EC_PENDING_EVENTS = (1u << 8) - 1u,
    EC_PENDING_HELLO = 1u << 8,
    EC_PENDING_ACK = 1u << 9,
    EC_PENDING_PONG = 1u << 10,
    EC_PENDING_PING = 1u << 11
};

/* States of a slot. Outbound: FREE, QUEUED, SENT, ACKED, RESOLVED. Inbound: FREE, RECEIVED,
 * RUNNING, DONE, SETTLED. */
enum {
    EC_SLOT_FREE,
    EC_SLOT_QUEUED,   /* no id yet, never on the wire */
    EC_SLOT_SENT,     /* has an id; not known to have arrived */
    EC_SLOT_ACKED,    /* arrived; no RESULT yet */
    EC_SLOT_RESOLVED, /* the outcome waits to be reported */
    EC_SLOT_RECEIVED, /* not yet reported to the application */
    EC_SLOT_RUNNING,  /* reported; no result yet */
    EC_SLOT_DONE,     /* the result is sent until acknowledged */
    EC_SLOT_SETTLED   /* the peer has the result */
};

static inline void ec_put_u16(uint8_t* bytes, uint16_t value) {
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static inline void ec_put_u32(uint8_t* bytes, uint32_t value) {
    ec_put_u16(bytes, (uint16_t)value);
    ec_put_u16(bytes + 2, (uint16_t)(value >> 16));
}

static inline void ec_put_u64(uint8_t* bytes, uint64_t value) {
    ec_put_u32(bytes, (uint32_t)value);
    ec_put_u32(bytes + 4, (uint32_t)(value >> 32));
}

static inline uint16_t ec_get_u16(const uint8_t* bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t ec_get_u32(const uint8_t* bytes) {
    return (uint32_t)ec_get_u16(bytes) | (uint32_t)ec_get_u16(bytes + 2) << 16;
}

static inline uint64_t ec_get_u64(const uint8_t* bytes) {
    return (uint64_t)ec_get_u32(bytes) | (uint64_t)ec_get_u32(bytes + 4) << 32;
}

/* ring.c: a byte ring of best-effort frames. An entry: length (2, little-endian), sequence, type,
 * payload. */
#define EC_RING_ENTRY_BYTES 4u
void ec_ring_init(ec_ring* ring, uint8_t* bytes, size_t capacity);
void ec_ring_clear(ec_ring* ring);

/* Stores a frame, dropping old ones for room; returns how many were dropped, or -1 if it never
 * fits. */
int ec_ring_push(ec_ring* ring, uint8_t sequence, uint8_t type, const uint8_t* payload,
                 uint16_t length);

/* Takes the oldest frame into body[0..EC_BODY_MAX); false when there is none. */
bool ec_ring_pop(ec_ring* ring, ec_frame* frame, uint8_t* body);

/* reliable.c, asking.c, answering.c: requests of both sides. */

/* A well-formed REQUEST, RESULT or ACK of this session. */
void ec_reliable_request(ec_session* s, uint64_t now, const ec_frame* frame);
void ec_reliable_result(ec_session* s, uint64_t now, const ec_frame* frame);
void ec_reliable_ack(ec_session* s, uint64_t now, const ec_frame* frame);

/* Fills s->body with an ACK and returns its length. */
uint16_t ec_reliable_fill_ack(ec_session* s);

/* The next REQUEST or RESULT that may go now, of the lowest channel; false when there is none. */
bool ec_reliable_next(ec_session* s, uint64_t now, uint8_t highest_channel, ec_frame* frame);

/* The earliest time at which ec_reliable_next or a deadline has something. */
uint64_t ec_reliable_due(const ec_session* s, uint64_t now);

/* Reports the end of own requests and the arrival of the peer's. */
bool ec_reliable_event(ec_session* s, uint64_t now, ec_event* event);
bool ec_reliable_has_event(const ec_session* s);

/* The peer's memory of us is gone: what was sent ends as unknown, what it asked is forgotten.
 * `first` is the id of its next request. */
void ec_reliable_peer_reset(ec_session* s, uint16_t first);

/* A session with the same boot of the peer began: everything unresolved goes out again. */
void ec_reliable_resume(ec_session* s, uint64_t now);

/* handshake.c */
void ec_handshake_hello(ec_session* s, uint64_t now, const ec_frame* frame);
uint16_t ec_handshake_fill(ec_session* s);

/* Leaves the open state and starts knocking (host) or waiting (device). */
void ec_handshake_restart(ec_session* s, uint64_t now);

/* A frame of a session that this side does not know: a device says who it is, now and then. */
void ec_handshake_stranger(ec_session* s, uint64_t now);

/* auth.c; without a key, and with EC_NO_AUTH, nothing of it does anything. */

/* What a HELLO is worth. */
typedef enum {
    EC_VERDICT_PLAIN,    /* not authenticated, and need not be */
    EC_VERDICT_FRESH,    /* proves the key: the keys of a new session are in place */
    EC_VERDICT_REPEATED, /* the one that opened this session, again */
    EC_VERDICT_NOTED,    /* says who is there, and opens nothing */
    EC_VERDICT_REJECTED  /* not to be believed */
} ec_verdict;

#ifdef EC_NO_AUTH

static inline void ec_auth_begin(ec_session* s) {
    (void)s;
}
static inline void ec_auth_end(ec_session* s) {
    (void)s;
}
static inline void ec_auth_knock(ec_session* s) {
    (void)s;
}
static inline ec_verdict ec_auth_judge(ec_session* s, uint64_t now, const ec_frame* frame) {
    (void)s, (void)now, (void)frame;
    return EC_VERDICT_PLAIN;
}
static inline bool ec_auth_meet(ec_session* s, ec_verdict verdict, const ec_frame* frame) {
    (void)s, (void)verdict, (void)frame;
    return false;
}
static inline void ec_auth_note_forgot(ec_session* s) {
    (void)s;
}
static inline uint16_t ec_auth_introduce(ec_session* s, uint16_t length) {
    (void)s;
    return length;
}
static inline uint16_t ec_auth_body_max(const ec_session* s) {
    (void)s;
    return EC_BODY_MAX;
}
static inline void ec_auth_seal(ec_session* s, ec_frame* frame) {
    (void)s, (void)frame;
}
static inline bool ec_auth_admit(ec_session* s, ec_frame* frame) {
    (void)s, (void)frame;
    return true;
}
static inline bool ec_auth_active(const ec_session* s) {
    (void)s;
    return false;
}
static inline bool ec_auth_allows(const ec_session* s, uint8_t type) {
    (void)s, (void)type;
    return true;
}

#else

/* The session's first nonce; requests leave room for the trailer from now on. */
void ec_auth_begin(ec_session* s);

/* Wipes the session's keys. */
void ec_auth_end(ec_session* s);

/* A host knocks anew: another nonce. */
void ec_auth_knock(ec_session* s);

/* `frame` is a well-formed HELLO of the other role. */
ec_verdict ec_auth_judge(ec_session* s, uint64_t now, const ec_frame* frame);

/* A session opens by this HELLO. Whether what the sides remember of each other does not count,
 * because one of them forgot, or was not authenticated as it is now. */
bool ec_auth_meet(ec_session* s, ec_verdict verdict, const ec_frame* frame);

/* Requests of before are forgotten: the peer is told until it is heard. */
static inline void ec_auth_note_forgot(ec_session* s) {
    s->auth.forgot = s->auth.active && s->config.role == EC_DEVICE;
}

/* Completes the HELLO in s->body[0..length) and returns its length. */
uint16_t ec_auth_introduce(ec_session* s, uint16_t length);

/* Room in a body beside the trailer. */
uint16_t ec_auth_body_max(const ec_session* s);

/* Adds the trailer to a frame whose body lies in s->body, in an authenticated session. */
void ec_auth_seal(ec_session* s, ec_frame* frame);

/* Whether a frame may be looked at; takes its trailer off. */
bool ec_auth_admit(ec_session* s, ec_frame* frame);

static inline bool ec_auth_active(const ec_session* s) {
    return s->auth.active;
}

/* Whether the peer may ask for, or send, this type. */
bool ec_auth_allows(const ec_session* s, uint8_t type);

#endif

#endif
