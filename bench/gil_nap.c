/* A sleep that says how often its thread has blocked since it began, before the caller asks for the
 * GIL again: one more block after that is a wait for the GIL, while a thread that only lost its
 * processor has not blocked.
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <time.h>

long nap(long ns) {
    struct timespec span = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&span, NULL);
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}
