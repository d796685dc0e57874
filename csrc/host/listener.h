#ifndef EC_HOST_LISTENER_H
#define EC_HOST_LISTENER_H

/* An event loop's way to its answers: a descriptor that becomes readable when there is one for it.
 * It is a set of two: an eventfd, for answers that another thread read; and, while the loop asks
 * again and again, the line itself. */

#include <stdbool.h>

typedef struct {
    int fd; /* an epoll set, which the loop watches */
    int bell_fd;
    bool rung;
} ec_listener;

/* Returns 0 or an errno. */
int ec_listener_open(ec_listener* listener);
void ec_listener_close(ec_listener* listener);

/* The rest under its user's lock. */
void ec_listener_ring(ec_listener* listener);
void ec_listener_silence(ec_listener* listener);

/* Puts the line into the set; false: that kind of descriptor cannot be in one. */
bool ec_listener_add(ec_listener* listener, int line_fd);
void ec_listener_remove(ec_listener* listener, int line_fd);

#endif
