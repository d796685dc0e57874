#include "host/carrier.h"

#include "host/carrier_parts.h"
#include "host/monotonic.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* What a serial port's kernel buffer is given ahead: so many bytes, or so much time. */
#define AHEAD_BYTES 64u
#define AHEAD_NS 2000000u

/* How much the line may be given now. What its kernel buffer holds is asked only when it could be
 * too much, if nothing had left since it was asked last. */
static size_t room_ahead(ec_carrier* c) {
    int count = 0;
    if (c->byte_ns == 0) {
        return sizeof c->out;
    }
    size_t ahead = AHEAD_NS / c->byte_ns;
    ahead = ahead < AHEAD_BYTES ? AHEAD_BYTES : ahead < sizeof c->out ? ahead : sizeof c->out;
    if (c->queued > ahead) {
        c->queued = ioctl(c->fd, TIOCOUTQ, &count) == 0 ? (size_t)count : 0;
    }
    return c->queued <= ahead ? ahead : 0;
}

void ec_carrier_broke(ec_carrier* c, int number) {
    c->broken = number;
    pthread_cond_broadcast(&c->mail_came);
}

uint64_t ec_carrier_flush(ec_carrier* c, uint64_t now) {
    c->blocked = false;
    while (c->fd >= 0 && c->broken == 0) {
        if (c->out_at == c->out_length) {
            size_t ahead = room_ahead(c);
            if (ahead == 0) { /* until so much has left that the line takes more */
                return now + (uint64_t)c->queued * c->byte_ns / 2000u + 1u;
            }
            c->out_at = 0;
            c->out_length = ec_session_output(&c->session, now, c->out, ahead);
            if (c->out_length == 0) {
                return 0;
            }
        }
        ssize_t count = write(c->fd, c->out + c->out_at, c->out_length - c->out_at);
        if (count >= 0) {
            ec_trace_put(&c->trace, now, true, c->out + c->out_at, (size_t)count);
            c->out_at += (size_t)count;
            c->queued += (size_t)count;
        } else if (errno != EINTR && errno != EAGAIN) {
            ec_carrier_broke(c, errno);
        }
        if (count < 0 ? errno == EAGAIN : c->out_at < c->out_length) {
            c->blocked = true;
            return now + EC_LOOK_US;
        }
    }
    return now + EC_LOOK_US;
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
    ec_condition_init(&c->led_no_more);
    int number = pthread_create(&c->thread, NULL, ec_carrier_run, c);
    if (number != 0) {
        close(c->wake_fd);
        return number;
    }
    (void)pthread_setname_np(c->thread, EC_CARRIER_THREAD);
    c->running = true;
    return 0;
}

void ec_carrier_trace(ec_carrier* c, uint8_t* bytes, size_t capacity) {
    pthread_mutex_lock(&c->lock);
    ec_trace_init(&c->trace, bytes, capacity);
    pthread_mutex_unlock(&c->lock);
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
        pthread_cond_destroy(&c->led_no_more);
        pthread_mutex_destroy(&c->lock);
        c->wake_fd = -1;
    }
}

/* Half-sent and half-received bytes belong to the line that was. */
static void forget_line(ec_carrier* c) {
    c->out_at = c->out_length = c->in_at = c->in_length = 0;
    c->broken = 0;
    c->asked_us = c->listened_us = ec_monotonic_us();
    ec_session_reopen(&c->session, c->listened_us);
}

void ec_carrier_attach(ec_carrier* c, int fd, uint32_t byte_ns) {
    pthread_mutex_lock(&c->lock);
    ec_carrier_call_thread(c);
    forget_line(c);
    c->fd = fd;
    c->byte_ns = byte_ns;
    c->queued = sizeof c->out + 1u; /* nobody knows */
    ec_carrier_look_at(c, 0);
    pthread_mutex_unlock(&c->lock);
}

void ec_carrier_detach(ec_carrier* c) {
    pthread_mutex_lock(&c->lock);
    ec_carrier_call_thread(c);
    c->fd = -1;
    ec_carrier_look_at(c, 0);
    while (c->fd_in_use) {
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
