#include "host/clock.h"

#include <math.h>
#include <string.h>

/* Stamps are whole microseconds, so an offset made of four may be off by one. */
#define RESOLUTION_US 1.0
/* What two crystals may differ by, before and after it was measured, and how much that wanders. */
#define DRIFT_MAX 200e-6
#define DRIFT_WANDER 1e-6
#define STRAYS_MAX 3u

void ec_clock_reset(ec_clock* clock) {
    memset(clock, 0, sizeof *clock);
    clock->drift_bound = DRIFT_MAX;
}

void ec_clock_begin_burst(ec_clock* clock) {
    clock->burst_began = false;
}

static double line_at(const ec_clock* clock, double host_us) {
    return clock->line_us + clock->drift * (host_us - clock->at_us);
}

static double bound_at(const ec_clock* clock, double host_us) {
    double best = INFINITY;
    for (uint32_t i = 0; i < clock->count; i++) {
        const ec_clock_point* point = &clock->points[i];
        double off = fabs(point->offset_us - line_at(clock, point->host_us));
        double bound = point->bound_us + off + clock->drift_bound * fabs(host_us - point->host_us);
        best = bound < best ? bound : best;
    }
    return best;
}

static double shortest(const ec_clock* clock) {
    double least = INFINITY;
    for (uint32_t i = 0; i < clock->count; i++) {
        least = fmin(least, clock->points[i].bound_us);
    }
    return least;
}

/* What a round trip took beyond the shortest was spent waiting, in one direction most likely; the
 * shortest is the wire's own time, the same both ways. */
static double weight_of(const ec_clock_point* point, double least_us) {
    double waited_us = point->bound_us - least_us + RESOLUTION_US;
    return 1 / (waited_us * waited_us);
}

/* Weighted least squares. The slope is known as well as the two ends that bound it best allow. */
static void fit(ec_clock* clock) {
    double weights = 0, host = 0, offset = 0, least = shortest(clock);
    for (uint32_t i = 0; i < clock->count; i++) {
        const ec_clock_point* point = &clock->points[i];
        double weight = weight_of(point, least);
        weights += weight;
        host += weight * point->host_us;
        offset += weight * point->offset_us;
    }
    clock->at_us = host / weights;
    clock->line_us = offset / weights;
    double across = 0, along = 0;
    for (uint32_t i = 0; i < clock->count; i++) {
        const ec_clock_point* point = &clock->points[i];
        double weight = weight_of(point, least);
        double from = point->host_us - clock->at_us;
        across += weight * from * (point->offset_us - clock->line_us);
        along += weight * from * from;
    }
    clock->drift = 0;
    clock->drift_bound = DRIFT_MAX;
    if (clock->count < 2 || along <= 0) {
        return;
    }
    clock->drift = fmin(fmax(across / along, -DRIFT_MAX), DRIFT_MAX);
    clock->drift_bound = DRIFT_MAX + fabs(clock->drift); /* all that crystals allow */
    for (uint32_t i = 0; i < clock->count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            const ec_clock_point *a = &clock->points[i], *b = &clock->points[k];
            double apart = fabs(a->host_us - b->host_us);
            double slope = (a->offset_us - b->offset_us) / (a->host_us - b->host_us);
            double bound = (a->bound_us + b->bound_us) / apart + fabs(slope - clock->drift);
            if (apart > 0 && bound + DRIFT_WANDER < clock->drift_bound) {
                clock->drift_bound = bound + DRIFT_WANDER;
            }
        }
    }
}

static void keep(ec_clock* clock, const ec_clock_point* point) {
    uint32_t newest = (clock->next + EC_CLOCK_POINTS - 1) % EC_CLOCK_POINTS;
    if (clock->burst_began) {
        if (point->bound_us < clock->points[newest].bound_us) {
            clock->points[newest] = *point;
        }
    } else {
        clock->points[clock->next] = *point;
        clock->next = (clock->next + 1) % EC_CLOCK_POINTS;
        clock->count += clock->count < EC_CLOCK_POINTS;
        clock->burst_began = true;
    }
    fit(clock);
}

static bool contradicts(const ec_clock* clock, const ec_clock_point* point) {
    double off = fabs(point->offset_us - line_at(clock, point->host_us));
    return clock->count != 0 && off > point->bound_us + bound_at(clock, point->host_us);
}

static ec_clock_point point_of(ec_clock* clock, uint64_t host_us, int64_t offset2, int64_t trip) {
    if (clock->count == 0) {
        clock->origin_us = host_us;
        clock->offset_us = offset2 / 2;
    }
    ec_clock_point point = {(double)(int64_t)(host_us - clock->origin_us),
                            (double)(offset2 - 2 * clock->offset_us) / 2,
                            (trip > 0 ? (double)trip / 2 * (1 + DRIFT_MAX) : 0) + RESOLUTION_US};
    return point;
}

void ec_clock_add(ec_clock* clock, uint64_t t1, uint64_t t2, uint64_t t3, uint64_t t4) {
    int64_t offset2 = (int64_t)(t2 - t1) + (int64_t)(t3 - t4);
    int64_t trip = (int64_t)(t4 - t1) - (int64_t)(t3 - t2);
    uint64_t middle = t1 + (t4 - t1) / 2;
    ec_clock_point point = point_of(clock, middle, offset2, trip);
    if (contradicts(clock, &point)) {
        if (++clock->strays <= STRAYS_MAX) {
            return;
        }
        ec_clock_reset(clock);
        point = point_of(clock, middle, offset2, trip);
    }
    clock->strays = 0;
    keep(clock, &point);
}

bool ec_clock_offset(const ec_clock* clock, uint64_t host_us, int64_t* offset_ns,
                     int64_t* error_ns) {
    if (clock->count == 0) {
        return false;
    }
    double host = (double)(int64_t)(host_us - clock->origin_us);
    *offset_ns = clock->offset_us * 1000 + (int64_t)llrint(line_at(clock, host) * 1000);
    *error_ns = (int64_t)ceil(bound_at(clock, host) * 1000);
    return true;
}
