/* When a carrier exchanges stamps with the device: for the clock in short bursts, the next exchange
 * as soon as the one before is answered, and for callers that ping. Ends keep one exchange at a
 * time, so one is under way at a time, and a PONG is the answer to it. */

#include "host/carrier_parts.h"
#include "host/monotonic.h"

#define FIRST_BURST 8u
#define BURST 4u
/* So many more while a burst has no exchange that did not wait. */
#define MORE 4u
#define EVERY_US 1000000u
/* An exchange of the clock's that is not answered by then was lost. */
#define ANSWER_US 50000u
/* A caller's, beyond the time that its bytes take on the line both ways; it is done again then. */
#define PING_ANSWER_US 1000000u
#define PING_BYTES 32u

void ec_carrier_lose_ping(ec_carrier* c) {
    c->pinging = NULL;
    c->ping_lost_us = 0;
}

void ec_carrier_begin_time(ec_carrier* c, uint64_t now) {
    uint32_t boot = ec_session_peer(&c->session)->boot_id;
    if (boot != c->known_boot) {
        c->known_boot = boot;
        ec_clock_reset(&c->clock);
    }
    ec_clock_begin_burst(&c->clock);
    c->burst_left = FIRST_BURST;
    c->burst_more = MORE;
    c->ping_due_us = now;
    ec_carrier_lose_ping(c);
}

/* Of the callers that ping, the one that asked, or had its turn, the longest ago. */
static ec_waiter* next_caller(const ec_carrier* c) {
    ec_waiter* next = NULL;
    for (ec_waiter* waiter = c->waiters; waiter != NULL; waiter = waiter->next) {
        bool pings = waiter->token == 0 && !waiter->answered;
        if (pings && (next == NULL || waiter->since_us <= next->since_us)) {
            next = waiter;
        }
    }
    return next;
}

static void ping_for(ec_carrier* c, uint64_t now, ec_waiter* waiter) {
    uint64_t on_line_us = 2 * (uint64_t)waiter->ping_bytes * c->byte_ns / 1000u;
    waiter->since_us = now;
    c->ping_lost_us = now + on_line_us + PING_ANSWER_US;
    ec_session_ping(&c->session, waiter->ping_bytes);
}

static void ping_for_clock(ec_carrier* c, uint64_t now) {
    if (c->burst_left == 0) {
        c->burst_left = BURST;
        c->burst_more = MORE;
        ec_clock_begin_burst(&c->clock);
    }
    c->burst_left--;
    c->ping_due_us = c->burst_left != 0 ? now : now + EVERY_US;
    c->ping_lost_us = now + ANSWER_US;
    ec_session_ping(&c->session, PING_BYTES);
}

uint64_t ec_carrier_keep_time(ec_carrier* c, uint64_t now) {
    if (!ec_session_open(&c->session)) {
        return EC_NEVER;
    }
    if (now < c->ping_lost_us) {
        return c->ping_lost_us;
    }
    bool due = now >= c->ping_due_us;
    ec_waiter* caller = due && c->clocks_turn ? NULL : next_caller(c);
    c->pinging = caller;
    if (caller != NULL) {
        ping_for(c, now, caller);
    } else if (due) {
        ping_for_clock(c, now);
    } else {
        return c->ping_due_us;
    }
    c->clocks_turn = caller != NULL;
    return c->ping_lost_us;
}

ec_waiter* ec_carrier_take_time(ec_carrier* c, const ec_event* event) {
    ec_waiter* caller = c->pinging;
    ec_clock_add(&c->clock, event->t1, event->t2, event->t3, event->t4);
    if (caller != NULL && event->t1 < caller->since_us) {
        return NULL; /* of one that was given up, before the next one left */
    }
    ec_carrier_lose_ping(c);
    if (c->burst_left == 0 && c->burst_more != 0 && !ec_clock_settled(&c->clock)) {
        c->burst_more--;
        c->burst_left = 1;
        c->ping_due_us = 0;
    }
    return caller;
}

bool ec_carrier_clock(ec_carrier* c, int64_t* offset_ns, int64_t* error_ns) {
    pthread_mutex_lock(&c->lock);
    bool known = ec_clock_offset(&c->clock, ec_monotonic_us(), offset_ns, error_ns);
    pthread_mutex_unlock(&c->lock);
    return known;
}
