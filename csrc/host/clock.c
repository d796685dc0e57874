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

/* How far the line may be off at `host_us` if what `point` says is true and the clock then ran on.
 */
static double bound_by(const ec_clock* clock, const ec_clock_point* point, double drift_bound,
                       double host_us) {
    double off = fabs(point->offset_us - line_at(clock, point->host_us));
    return point->bound_us + off + drift_bound * fabs(host_us - point->host_us);
}

/* The same if the clock was never set while any point was taken. */
static double steady_bound_at(const ec_clock* clock, double host_us) {
    double best = INFINITY;
    for (uint32_t i = 0; i < clock->count; i++) {
        best = fmin(best, bound_by(clock, &clock->points[i], clock->drift_bound, host_us));
    }
    return best;
}

static uint32_t newest(const ec_clock* clock) {
    return (clock->next + EC_CLOCK_POINTS - 1) % EC_CLOCK_POINTS;
}

static double most_unseen(const ec_clock* clock) {
    double most = 0;
    for (uint32_t i = 0; i < clock->count; i++) {
        most = fmax(most, clock->points[i].unseen_us);
    }
    return most;
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

/* Weighted least squares. The slope is known as well as the two ends that bound it best allow,
 * should the clock have been set between them by too little to be seen. */
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
    double unseen = most_unseen(clock);
    for (uint32_t i = 0; i < clock->count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            const ec_clock_point *a = &clock->points[i], *b = &clock->points[k];
            double apart = fabs(a->host_us - b->host_us);
            double slope = (a->offset_us - b->offset_us) / (a->host_us - b->host_us);
            double ends = a->bound_us + b->bound_us + unseen;
            double bound = ends / apart + fabs(slope - clock->drift);
            if (apart > 0 && bound + DRIFT_WANDER < clock->drift_bound) {
                clock->drift_bound = bound + DRIFT_WANDER;
            }
        }
    }
}

static void keep(ec_clock* clock, const ec_clock_point* point) {
    if (clock->burst_began) {
        if (point->bound_us < clock->points[newest(clock)].bound_us) {
            clock->points[newest(clock)] = *point;
        }
    } else {
        clock->points[clock->next] = *point;
        clock->next = (clock->next + 1) % EC_CLOCK_POINTS;
        clock->count += clock->count < EC_CLOCK_POINTS;
        clock->burst_began = true;
    }
    fit(clock);
}

static bool contradicts_line(const ec_clock* clock, const ec_clock_point* point) {
    double off = fabs(point->offset_us - line_at(clock, point->host_us));
    return off > point->bound_us + steady_bound_at(clock, point->host_us);
}

static bool contradicts_stray(const ec_clock* clock, const ec_clock_point* point) {
    double off = fabs(point->offset_us - clock->stray.offset_us);
    double moved = DRIFT_MAX * fabs(point->host_us - clock->stray.host_us);
    return off > point->bound_us + clock->stray.bound_us + moved;
}

/* Four stamps, us. */
typedef struct {
    uint64_t t1, t2, t3, t4;
} exchange;

static ec_clock_point point_of(ec_clock* clock, const exchange* e) {
    int64_t offset2 = (int64_t)(e->t2 - e->t1) + (int64_t)(e->t3 - e->t4);
    int64_t trip = (int64_t)(e->t4 - e->t1) - (int64_t)(e->t3 - e->t2);
    uint64_t host_us = e->t1 + (e->t4 - e->t1) / 2;
    if (clock->count == 0) {
        clock->origin_us = host_us;
        clock->offset_us = offset2 / 2;
    }
    ec_clock_point point = {(double)(int64_t)(host_us - clock->origin_us),
                            (double)(offset2 - 2 * clock->offset_us) / 2,
                            (trip > 0 ? (double)trip / 2 * (1 + DRIFT_MAX) : 0) + RESOLUTION_US, 0};
    if (clock->count != 0) {
        double off = fabs(point.offset_us - line_at(clock, point.host_us));
        point.unseen_us = off + point.bound_us + steady_bound_at(clock, point.host_us);
    }
    return point;
}

/* The device kept it for longer than it took: its clock was set meanwhile. */
static bool was_set_within(const exchange* e) {
    double held = (double)(int64_t)(e->t3 - e->t2), took = (double)(int64_t)(e->t4 - e->t1);
    return held * (1 - DRIFT_MAX) > took + 2 * RESOLUTION_US;
}

void ec_clock_add(ec_clock* clock, uint64_t t1, uint64_t t2, uint64_t t3, uint64_t t4) {
    const exchange whole = {t1, t2, t3, t4};
    const exchange answer = {t1, t3, t3, t4}; /* true even if the clock was set before t3 */
    bool set_within = was_set_within(&whole);
    ec_clock_point point = point_of(clock, set_within ? &answer : &whole);
    if (clock->count != 0 && (set_within || contradicts_line(clock, &point))) {
        clock->stray = point_of(clock, &answer);
        if (++clock->strays <= STRAYS_MAX) {
            return;
        }
        ec_clock_reset(clock);
        point = point_of(clock, &answer);
    } else if (clock->strays != 0 && contradicts_stray(clock, &point)) {
        clock->strays = 0;
    }
    keep(clock, &point);
}

bool ec_clock_settled(const ec_clock* clock) {
    return clock->count == 0 || clock->points[newest(clock)].bound_us <= 2 * shortest(clock);
}

bool ec_clock_offset(const ec_clock* clock, uint64_t host_us, int64_t* offset_ns,
                     int64_t* error_ns) {
    if (clock->count == 0) {
        return false;
    }
    double host = (double)(int64_t)(host_us - clock->origin_us);
    double bound = bound_by(clock, &clock->points[newest(clock)], clock->drift_bound, host);
    if (clock->strays != 0) { /* either the newest of them is right, or the line */
        double drift_bound = DRIFT_MAX + fabs(clock->drift);
        bound = fmax(bound, bound_by(clock, &clock->stray, drift_bound, host));
    }
    *offset_ns = clock->offset_us * 1000 + (int64_t)llrint(line_at(clock, host) * 1000);
    *error_ns = (int64_t)ceil(bound * 1000);
    return true;
}
