/* When a carrier exchanges stamps with the device: in short bursts, the next exchange as soon as
 * the one before is answered. */

#include "host/carrier_parts.h"
#include "host/monotonic.h"

#define FIRST_BURST 8u
#define BURST 4u
#define EVERY_US 1000000u
/* An exchange that is not answered by then was lost. */
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

uint64_t ec_carrier_keep_time(ec_carrier* c, uint64_t now) {
    if (!ec_session_open(&c->session)) {
        return EC_NEVER;
    }
    if (now < c->ping_due_us) {
        return c->ping_due_us;
    }
    if (c->burst_left == 0) {
        c->burst_left = BURST;
        ec_clock_begin_burst(&c->clock);
    }
    c->burst_left--;
    c->ping_due_us = now + (c->burst_left != 0 ? ANSWER_US : EVERY_US);
    ec_session_ping(&c->session, PING_BYTES);
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
