/* When a carrier exchanges stamps with the device: in short bursts, the next exchange as soon as
 * the one before is answered, and when a caller pings. Any exchange serves all who wait for one, so
 * it is as large as the largest that they asked for. */

#include "host/carrier_parts.h"
#include "host/monotonic.h"

#define FIRST_BURST 8u
#define BURST 4u
#define EVERY_US 1000000u
/* An exchange that is not answered by then was lost; a larger one has the time on the line of what
 * it is longer by. */
#define ANSWER_US 50000u
#define PING_BYTES 32u

void ec_carrier_begin_time(ec_carrier* c, uint64_t now) {
    uint32_t boot = ec_session_peer(&c->session)->boot_id;
    if (boot != c->known_boot) {
        c->known_boot = boot;
        ec_clock_reset(&c->clock);
    }
    ec_clock_begin_burst(&c->clock);
    c->burst_left = FIRST_BURST;
    c->ping_due_us = now;
}

static uint16_t wanted_bytes(const ec_carrier* c) {
    uint16_t bytes = 0;
    for (const ec_waiter* waiter = c->waiters; waiter != NULL; waiter = waiter->next) {
        if (waiter->token == 0 && !waiter->answered && waiter->ping_bytes > bytes) {
            bytes = waiter->ping_bytes;
        }
    }
    return bytes != 0 ? bytes : PING_BYTES;
}

void ec_carrier_ping(ec_carrier* c, uint64_t now) {
    uint16_t bytes = wanted_bytes(c);
    uint64_t longer_bytes = bytes > PING_BYTES ? bytes - PING_BYTES : 0;
    uint64_t longer_us = 2 * longer_bytes * c->byte_ns / 1000u;
    if (c->ping_due_us <= now + longer_us) { /* the clock's, or in the place of its next one */
        if (c->burst_left == 0) {
            c->burst_left = BURST;
            ec_clock_begin_burst(&c->clock);
        }
        c->burst_left--;
        c->ping_due_us = now + longer_us + (c->burst_left != 0 ? ANSWER_US : EVERY_US);
    }
    ec_session_ping(&c->session, bytes);
}

uint64_t ec_carrier_keep_time(ec_carrier* c, uint64_t now) {
    if (!ec_session_open(&c->session)) {
        return EC_NEVER;
    }
    if (now >= c->ping_due_us) {
        ec_carrier_ping(c, now);
    }
    return c->ping_due_us;
}

void ec_carrier_take_time(ec_carrier* c, uint64_t now, const ec_event* event) {
    ec_clock_add(&c->clock, event->t1, event->t2, event->t3, event->t4);
    if (c->burst_left != 0) {
        c->ping_due_us = now;
    }
}

bool ec_carrier_clock(ec_carrier* c, int64_t* offset_ns, int64_t* error_ns) {
    pthread_mutex_lock(&c->lock);
    bool known = ec_clock_offset(&c->clock, ec_monotonic_us(), offset_ns, error_ns);
    pthread_mutex_unlock(&c->lock);
    return known;
}
