#ifndef EC_HOST_CLOCK_H
#define EC_HOST_CLOCK_H

/* The device's clock as a line over the host's, from exchanges of four stamps.
 *
 * Of a burst of exchanges the one with the shortest round trip says most: the true offset lies
 * within half of it (Mills, RFC 5905, section 8). A line is fitted through the best ones of the
 * last bursts, each weighted by the inverse square of that bound. */

#include <stdbool.h>
#include <stdint.h>

#define EC_CLOCK_POINTS 32u

typedef struct {
    double host_us;   /* since ec_clock.origin_us */
    double offset_us; /* device minus host, minus ec_clock.offset_us */
    double bound_us;  /* half of the round trip, and the stamps' resolution */
    double unseen_us; /* by so much the clock may have been set before it and not be seen */
} ec_clock_point;

typedef struct {
    ec_clock_point points[EC_CLOCK_POINTS];
    uint32_t count, next; /* points kept; where the next one goes */
    ec_clock_point stray; /* the newest exchange that contradicted the line */
    uint32_t strays;      /* of them, since one that contradicts the stray; 0: there is none */
    uint64_t origin_us;   /* of the first exchange, on the host's clock */
    int64_t offset_us;    /* and its offset */
    double at_us, line_us, drift; /* the line: line_us + drift * (host - at_us) */
    double drift_bound;           /* how far `drift` may be off, the clock having been set once */
    bool burst_began; /* the newest point is this burst's, and a better one replaces it */
} ec_clock;

/* Forgets everything: the device was reset, its clock begins anew. */
void ec_clock_reset(ec_clock* clock);

/* A burst begins: the exchanges to come compete for one point. */
void ec_clock_begin_burst(ec_clock* clock);

/* Takes one exchange, us: host sent, device received, device sent, host received. One that
 * contradicts the line beyond both bounds may tell of a clock that was set: the bound covers it
 * from then on, too. The line itself is left alone until the fourth, with which it begins anew; an
 * exchange that contradicts the stray ends the doubt. */
void ec_clock_add(ec_clock* clock, uint64_t t1, uint64_t t2, uint64_t t3, uint64_t t4);

/* Whether the newest burst's best exchange took at most twice as long as the shortest kept. */
bool ec_clock_settled(const ec_clock* clock);

/* Offset of the device's clock at `host_us`, and a bound of its error, ns. False before the first
 * exchange. The bound rests on the newest burst alone: whatever was done to the clock before it,
 * the truth was within half of its shortest round trip; since then it moved by as much as the drift
 * may be misjudged. What is done to the clock is seen with the next exchange, and no sooner. */
bool ec_clock_offset(const ec_clock* clock, uint64_t host_us, int64_t* offset_ns,
                     int64_t* error_ns);

#endif
