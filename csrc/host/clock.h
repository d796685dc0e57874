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
} ec_clock_point;

typedef struct {
    ec_clock_point points[EC_CLOCK_POINTS];
    uint32_t count, next;         /* points kept; where the next one goes */
    uint32_t strays;              /* exchanges in a row that contradicted the line */
    uint64_t origin_us;           /* of the first exchange, on the host's clock */
    int64_t offset_us;            /* and its offset */
    double at_us, line_us, drift; /* the line: line_us + drift * (host - at_us) */
    double drift_bound;           /* how far `drift` may be off */
    bool burst_began; /* the newest point is this burst's, and a better one replaces it */
} ec_clock;

/* Forgets everything: the device was reset, its clock begins anew. */
void ec_clock_reset(ec_clock* clock);

/* A burst begins: the exchanges to come compete for one point. */
void ec_clock_begin_burst(ec_clock* clock);

/* Takes one exchange, us: host sent, device received, device sent, host received. One that
 * contradicts the line beyond both bounds is left out, unless it is the fourth in a row. */
void ec_clock_add(ec_clock* clock, uint64_t t1, uint64_t t2, uint64_t t3, uint64_t t4);

/* Offset of the device's clock at `host_us`, and a bound of its error, ns. False before the first
 * exchange. The bound holds while round trips are what they are and the drift is steady. */
bool ec_clock_offset(const ec_clock* clock, uint64_t host_us, int64_t* offset_ns,
                     int64_t* error_ns);

#endif
