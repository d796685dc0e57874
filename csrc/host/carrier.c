#include "host/carrier.h"

#include "host/carrier_parts.h"
#include "host/monotonic.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* The longest the thread sleeps, and between looks while there is no line or it takes no more. */
#define SLEEP_US 1000000u
#define LOOK_US 20000u
/* What a serial port's kernel buffer is given ahead: so many bytes, or so much time. */
#define AHEAD_BYTES 64u
#define AHEAD_NS 2000000u

/* How much the line may be given now; *queued: what its kernel buffer holds already. */
static size_t room_ahead(const ec_carrier* c, size_t* queued) {
    int count = 0;
    *queued = 0;
    if (c->byte_ns == 0) {
        return sizeof c->out;
    }
    size_t ahead = AHEAD_NS / c->byte_ns;
    ahead = ahead < AHEAD_BYTES ? AHEAD_BYTES : ahead < sizeof c->out ? ahead : sizeof c->out;
    if (ioctl(c->fd, TIOCOUTQ, &count) == 0) {
        *queued = (size_t)count;
    }
    return *queued <= ahead ? ahead : 0;
}

static void broke(ec_carrier* c, int number) {
    c->broken = number;
    pthread_cond_broadcast(&c->mail_came);
}

uint64_t ec_carrier_flush(ec_carrier* c, uint64_t now) {
    size_t queued;
    c->blocked = false;
    while (c->fd >= 0 && c->broken == 0) {
        if (c->out_at == c->out_length) {
            size_t ahead = room_ahead(c, &queued);
            if (ahead == 0) { /* until so much has left that the line takes more */
                return now + (uint64_t)queued * c->byte_ns / 2000u + 1u;
            }
            c->out_at = 0;
            c->out_length = ec_session_output(&c->session, now, c->out, ahead);
            if (c->out_length == 0) {
                return 0;
            }
        }
        ssize_t count = write(c->fd, c->out + c->out_at, c->out_length - c->out_at);
        if (count >= 0) {
            c->out_at += (size_t)count;
        } else if (errno != EINTR && errno != EAGAIN) {
            broke(c, errno);
        }
        if (count < 0 ? errno == EAGAIN : c->out_at < c->out_length) {
            c->blocked = true;
            return now + LOOK_US;
        }
    }
    return now + LOOK_US;
}

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
        broke(c, EPIPE);
    } else if (number != EAGAIN && number != EINTR) {
        broke(c, number);
    } else if ((found & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
        broke(c, EIO);
    }
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static void* run(void* argument) {
    ec_carrier* c = argument;
    pthread_mutex_lock(&c->lock);
    while (!c->stopping) {
        uint64_t now = ec_monotonic_us();
        feed(c, now);
        uint64_t time_due = ec_carrier_keep_time(c, now);
        uint64_t held_until = ec_carrier_flush(c, now);
        uint64_t due = held_until != 0 ? held_until : ec_session_due(&c->session, now);
        due = earlier(due, time_due);
        bool full = ec_mailbox_full(c->mail); /* then the line waits */
        due = earlier(full ? now + LOOK_US : due, now + SLEEP_US);
        int fd = c->broken == 0 && !full ? c->fd : -1;
        struct pollfd polled[2] = {{c->wake_fd, POLLIN, 0}, {fd, 0, 0}};
        polled[1].events = (short)(POLLIN | (c->blocked ? POLLOUT : 0));
        struct timespec wait = ec_timespec(due > now ? due - now : 0);
        c->fd_in_use = fd >= 0;
        c->sleeping_until_us = due;
        pthread_mutex_unlock(&c->lock);

        ppoll(polled, 2, &wait, NULL);
        uint64_t wakes;
        if (polled[0].revents != 0) {
            ssize_t got = read(c->wake_fd, &wakes, sizeof wakes);
            (void)got;
        }
        ssize_t count = -1;
        short found = polled[1].revents;
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
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

void ec_carrier_signal(int fd) {
    uint64_t one = 1;
    if (fd >= 0) {
        ssize_t written = write(fd, &one, sizeof one);
        (void)written; /* full: it is readable already */
    }
}

void ec_carrier_look_at(ec_carrier* c, uint64_t when) {
    if (c->sleeping_until_us > when) {
        ec_carrier_signal(c->wake_fd);
        c->sleeping_until_us = when;
    }
}

void ec_carrier_speak(ec_carrier* c, uint64_t now) {
    uint64_t held_until = ec_carrier_flush(c, now);
    ec_carrier_look_at(c, held_until != 0 ? held_until : ec_session_due(&c->session, now));
}

int ec_carrier_start(ec_carrier* c, const ec_config* config, const ec_memory* memory) {
    memset(c, 0, sizeof *c);
    c->fd = c->wake_fd = -1;
    c->mail = &c->mailboxes[0];
    c->memory = *memory;
    ec_clock_reset(&c->clock);
    if (!ec_session_init(&c->session, config, memory, ec_monotonic_us())) {
        return EINVAL;
    }
    c->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (c->wake_fd < 0) {
        return errno;
    }
    pthread_mutex_init(&c->lock, NULL);
    ec_condition_init(&c->mail_came);
    ec_condition_init(&c->fd_left);
    int number = pthread_create(&c->thread, NULL, run, c);
    if (number != 0) {
        close(c->wake_fd);
        return number;
    }
    c->running = true;
    return 0;
}

void ec_carrier_stop(ec_carrier* c) {
    if (!c->running) {
        return;
    }
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    ec_carrier_look_at(c, 0);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    c->running = false;
}

void ec_carrier_destroy(ec_carrier* c) {
    if (c->wake_fd >= 0) {
        ec_carrier_stop(c);
        close(c->wake_fd);
        pthread_cond_destroy(&c->mail_came);
        pthread_cond_destroy(&c->fd_left);
        pthread_mutex_destroy(&c->lock);
        c->wake_fd = -1;
    }
}

/* Half-sent and half-received bytes belong to the line that was. */
static void forget_line(ec_carrier* c) {
    c->out_at = c->out_length = c->in_at = c->in_length = 0;
    c->broken = 0;
    ec_session_reopen(&c->session, ec_monotonic_us());
}

void ec_carrier_attach(ec_carrier* c, int fd, uint32_t byte_ns) {
    pthread_mutex_lock(&c->lock);
    forget_line(c);
    c->fd = fd;
    c->byte_ns = byte_ns;
    ec_carrier_look_at(c, 0);
    pthread_mutex_unlock(&c->lock);
}

void ec_carrier_detach(ec_carrier* c) {
    pthread_mutex_lock(&c->lock);
    c->fd = -1;
    ec_carrier_look_at(c, 0);
    while (c->fd_in_use && c->running) {
        pthread_cond_wait(&c->fd_left, &c->lock);
    }
    forget_line(c);
    pthread_mutex_unlock(&c->lock);
}

void ec_carrier_set_pace(ec_carrier* c, uint32_t byte_ns) {
    pthread_mutex_lock(&c->lock);
    c->byte_ns = byte_ns;
    pthread_mutex_unlock(&c->lock);
}
