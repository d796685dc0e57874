#ifndef EC_HOST_MONOTONIC_H
#define EC_HOST_MONOTONIC_H

/* CLOCK_MONOTONIC in microseconds, and condition variables that wait by it. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t ec_monotonic_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static inline void ec_condition_init(pthread_cond_t* condition) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static inline struct timespec ec_timespec(uint64_t us) {
    struct timespec time = {(time_t)(us / 1000000u), (long)(us % 1000000u * 1000u)};
    return time;
}

/* Waits until signalled or until `until_us`; spurious returns happen. */
static inline void ec_condition_wait(pthread_cond_t* condition, pthread_mutex_t* lock,
                                     uint64_t until_us) {
    struct timespec until = ec_timespec(until_us);
    pthread_cond_timedwait(condition, lock, &until);
}

#endif
