/* Who reads the line: the carrier's thread, or a caller that asks again and again. Then the answer
 * finds it without a hop from thread to thread, which costs as much as the whole way to the device
 * and back through a pty.
 *
 *     nobody was answered for LED_US         the thread
 *     a caller was, and nobody else waits    left to callers: the thread looks only when that ends
 *       it asks again and waits              led: the caller itself, until it is answered
 *       its event loop asks again            the loop, when its listener's descriptor is readable
 *       somebody else asks                   the thread */

#include "host/carrier_parts.h"
#include "host/monotonic.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* The longest sleep of the thread. */
#define SLEEP_US 1000000u
/* What comes while the line is left to callers, and none of them reads, waits for no longer. */
#define LED_US 1000u

static void feed(ec_carrier* c, uint64_t now) {
    ec_carrier_collect(c, now);
    while (c->in_at < c->in_length && !ec_mailbox_full(c->mail)) {
        c->in_at += ec_session_input(&c->session, now, c->in + c->in_at, c->in_length - c->in_at);
        ec_carrier_collect(c, now);
    }
    if (c->in_at == c->in_length && c->asked_us != c->listened_us) {
        c->listened_us = c->asked_us;
        ec_carrier_collect(c, now);
    }
}

/* What `poll` and `read` found, asked for later than `asked`; nothing if the line was changed
 * meanwhile. */
static void take(ec_carrier* c, uint64_t asked, int fd, short found, ssize_t count, int number) {
    if (c->fd != fd || fd < 0) {
        return;
    }
    c->asked_us = asked;
    if ((found & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) == 0) {
        return;
    }
    if (count > 0) {
        c->in_at = 0;
        c->in_length = (size_t)count;
        ec_trace_put(&c->trace, ec_monotonic_us(), false, c->in, c->in_length);
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
    take(c, now, fd, found, count, number);
}

static void put_into_set_of(ec_carrier* c, ec_listener* listener) {
    if (listener == c->listener) {
        return;
    }
    if (c->listener != NULL) {
        ec_listener_remove(c->listener, c->fd);
    }
    c->listener = listener != NULL && ec_listener_add(listener, c->fd) ? listener : NULL;
}

static void take_back(ec_carrier* c) {
    c->led_until_us = 0;
    put_into_set_of(c, NULL);
}

static bool may_be_left(const ec_carrier* c) {
    return c->unanswered == 0 && c->burst_left == 0 && !c->blocked && c->fd >= 0 && c->broken == 0;
}

void* ec_carrier_run(void* argument) {
    ec_carrier* c = argument;
    pthread_mutex_lock(&c->lock);
    while (!c->stopping) {
        uint64_t now = ec_monotonic_us();
        if (!c->led && now >= c->led_until_us) {
            take_back(c);
            feed(c, now);
            if (now >= c->led_until_us || ec_carrier_flush(c, now) != 0) {
                take_back(c);
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

void ec_carrier_call_thread(ec_carrier* c) {
    take_back(c);
    pthread_cond_signal(&c->led_no_more);
}

void ec_carrier_invite(ec_carrier* c, uint64_t now, ec_listener* listener) {
    if (may_be_left(c)) {
        put_into_set_of(c, listener);
        c->led_until_us = c->listener == listener ? now + LED_US : 0;
    }
}

void ec_carrier_expect(ec_carrier* c, uint64_t now, const ec_listener* listener) {
    if (c->led || c->led_until_us == 0) {
        return;
    }
    if (listener != NULL && listener == c->listener) {
        c->led_until_us = now + LED_US;
    } else {
        ec_carrier_call_thread(c);
    }
}

void ec_carrier_lead(ec_carrier* c, const ec_waiter* waiter, uint64_t until) {
    pthread_mutex_lock(&c->lock);
    uint64_t now = ec_monotonic_us();
    if (!waiter->answered && !c->led && now < c->led_until_us) {
        c->led = true;
        put_into_set_of(c, NULL);
        while (!waiter->answered && now < until && c->fd >= 0 && c->broken == 0) {
            say_and_listen(c, now, until);
            now = ec_monotonic_us();
            feed(c, now);
        }
        c->led = false;
        if (may_be_left(c)) {
            c->led_until_us = c->sleeping_until_us = now + LED_US;
        } else {
            ec_carrier_call_thread(c);
        }
    }
    pthread_mutex_unlock(&c->lock);
}

void ec_carrier_listen(ec_carrier* c, ec_listener* listener) {
    pthread_mutex_lock(&c->lock);
    uint64_t now = ec_monotonic_us();
    ec_listener_silence(listener);
    if (!c->led && c->listener == listener) {
        ssize_t count = read(c->fd, c->in, sizeof c->in);
        if (count > 0) { /* else it was the bell, or the thread will see what is wrong */
            take(c, now, c->fd, POLLIN, count, 0);
            now = ec_monotonic_us(); /* no stamp of what came may be from before it did */
        }
        c->taking = listener;
        feed(c, now);
        c->taking = NULL;
        if (ec_carrier_flush(c, now) != 0 || ec_mailbox_full(c->mail)) {
            ec_carrier_call_thread(c);
        } else if (c->unanswered != 0) {
            c->led_until_us = now + LED_US;
        }
    }
    pthread_mutex_unlock(&c->lock);
}

void ec_carrier_forget(ec_carrier* c, const ec_listener* listener) {
    pthread_mutex_lock(&c->lock);
    if (c->listener == listener) {
        ec_carrier_call_thread(c);
    }
    pthread_mutex_unlock(&c->lock);
}
