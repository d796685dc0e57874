#ifndef EC_TESTS_FUZZ_LINK_TARGETS_H
#define EC_TESTS_FUZZ_LINK_TARGETS_H

#include "fuzz/bytes.h"
#include "link/log.h"
#include "link/session.h"

/* Bytes to the decoder in pieces: as when they come at once, all counted, the next frame whole. */
void fuzz_decoder(bytes* in);

/* One side, alone with a peer that says anything, by the key of their session if there is one. */
void fuzz_session(bytes* in, ec_role role, bool keyed);

/* Two sides and a bad line, which heals at the end: every request ends once and truly. With a key
 * nothing is executed but what was asked, whatever is made up on the line. */
void fuzz_conversation(bytes* in, bool keyed);

/* A session with storage of exactly its size, and what it was seen to do. */
enum { END_TOKENS = 256 };
typedef struct {
    ec_session session;
    ec_logger log;
    ec_auth auth;
    ec_slot *outbound, *inbound;
    uint8_t *block[5], *log_bytes;
    uint32_t asked, ended, executed;
    bool peer_is_end;                /* whose requests are those of end_act */
    uint8_t outcomes[END_TOKENS];    /* how often a token's request ended */
    uint8_t done[END_TOKENS];        /* whether it ended as done */
    uint16_t executions[END_TOKENS]; /* by the token in the payload */
} end;

void end_open(end* self, ec_role role, uint8_t window, bool keyed);
void end_close(end* self);
/* A call of the application's, chosen by the input. */
void end_act(end* self, bytes* in, uint64_t now);
/* Hands data over in a block of its own and takes all events. */
void end_hear(end* self, uint64_t now, const uint8_t* data, size_t length);
void end_events(end* self, uint64_t now);
/* What the line gets: up to `capacity` bytes, in a block of that size; free() it. */
uint8_t* end_say(end* self, uint64_t now, size_t capacity, size_t* length);

#endif
