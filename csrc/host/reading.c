/* Who reads the line: the carrier's thread; or, while it waits, a caller that asks again and again.
 * Then the answer finds it without a hop from thread to thread, which costs as much as the whole
 * way to the device and back through a pty. */

#include "host/carrier_parts.h"
#include "host/monotonic.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* The longest sleep of the thread. */
#define SLEEP_US 1000000u
/* So long after an answer the thread leaves the line to a caller that comes back with its next
 * question: what comes meanwhile waits for no longer. */
#define LED_US 1000u

static void feed(ec_carrier* c, uint64_t now) {
    ec_carrier_collect(c, now);
    while (c->in_at < c->in_length && !ec_mailbox_full(c->mail)) {
        c->in_at += ec_session_input(&c->session, now, c->in + c->in_at, c->in_length - c->in_at);
        ec_carrier_collect(c, now);
    }
}

/* What `poll` and `read` found; nothing if the line was changed meanwhile. */
static void take(ec_carrier* c, int fd, short found, ssize_t count, int number) {
    if (c->fd != fd || fd < 0 || (found & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) == 0) {
        return;
    }
    if (count > 0) {
        c->in_at = 0;
        c->in_length = (size_t)count;
    } else if (count == 0) {
        ec_carrier_broke(c, EPIPE);
    } else if (number != EAGAIN && number != EINTR) {
        ec_carrier_broke(c, number);
    } else if ((found & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
        ec_carrier_broke(c, EIO);
    }
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Says what there is to say, and waits for bytes, for something to do, or until `until`. */
static void say_and_listen(ec_carrier* c, uint64_t now, uint64_t until) {
    uint64_t time_due = ec_carrier_keep_time(c, now);
    uint64_t held_until = ec_carrier_flush(c, now);
    uint64_t due = held_until != 0 ? held_until : ec_session_due(&c->session, now);
    due = earlier(due, time_due);
    bool full = ec_mailbox_full(c->mail); /* then the line waits */
    due = earlier(full ? now + EC_LOOK_US : due, until);
    int fd = c->broken == 0 && !full ? c->fd : -1;
    struct pollfd polled[2] = {{fd, 0, 0}, {c->wake_fd, POLLIN, 0}};
    polled[0].events = (short)(POLLIN | (c->blocked ? POLLOUT : 0));
    struct timespec wait = ec_timespec(due > now ? due - now : 0);
    c->fd_in_use = fd >= 0;
    c->sleeping_until_us = due;
    pthread_mutex_unlock(&c->lock);

    ppoll(polled, 2, &wait, NULL);
    uint64_t wakes;
    if (polled[1].revents != 0) {
        ssize_t got = read(c->wake_fd, &wakes, sizeof wakes);
        (void)got;
    }
    ssize_t count = -1;
    short found = polled[0].revents;
    if ((found & ~POLLOUT) != 0) {
        count = read(fd, c->in, sizeof c->in);
    }
    int number = errno;

    pthread_mutex_lock(&c->lock);
    c->sleeping_until_us = 0;
    c->fd_in_use = false;
    pthread_cond_broadcast(&c->fd_left);
    take(c, fd, found, count, number);
}

void* ec_carrier_run(void* argument) {
    ec_carrier* c = argument;
    pthread_mutex_lock(&c->lock);
    while (!c->stopping) {
        uint64_t now = ec_monotonic_us();
        if (!c->led && now >= c->led_until_us) {
            feed(c, now);
            if (now >= c->led_until_us || ec_carrier_flush(c, now) != 0) {
                c->led_until_us = 0;
                say_and_listen(c, now, now + SLEEP_US);
                continue;
            }
        }
        if (!c->led) {
            c->sleeping_until_us = c->led_until_us;
        }
        ec_condition_wait(&c->led_no_more, &c->lock, c->led ? now + LED_US : c->led_until_us);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

void ec_carrier_invite(ec_carrier* c, uint64_t now) {
    bool alone = c->unanswered == 0 && !c->blocked && c->fd >= 0 && c->broken == 0;
    c->led_until_us = alone ? now + LED_US : 0;
}

void ec_carrier_expect(ec_carrier* c) {
    if (!c->led && c->led_until_us != 0) {
        c->led_until_us = 0;
        pthread_cond_signal(&c->led_no_more);
    }
}

void ec_carrier_lead(ec_carrier* c, const ec_waiter* waiter, uint64_t until) {
    pthread_mutex_lock(&c->lock);
    uint64_t now = ec_monotonic_us();
    if (!c->led && now < c->led_until_us) {
        c->led = true;
        while (!waiter->answered && now < until && c->fd >= 0 && c->broken == 0) {
            say_and_listen(c, now, until);
            now = ec_monotonic_us();
            feed(c, now);
        }
        c->led = false;
        ec_carrier_invite(c, now);
        c->sleeping_until_us = c->led_until_us;
        if (c->led_until_us == 0) {
            pthread_cond_signal(&c->led_no_more);
        }
    }
    pthread_mutex_unlock(&c->lock);
}
