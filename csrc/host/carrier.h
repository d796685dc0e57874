#ifndef EC_HOST_CARRIER_H
#define EC_HOST_CARRIER_H

/* Carries a session over a file descriptor in a thread of its own, so that an ACK never waits for
 * whoever uses the link. Everything here may be called from any thread; one mutex, held for
 * microseconds, guards it all.
 *
 *     attach(fd)  ->  the thread reads, answers, repeats; who asks also writes, when the line is
 *                     free, without waking it, and who asks again and again also reads while it
 * waits events      ->  a waiter (one caller's own answer), an inbox (frames of one message), or
 * the mailbox (everything else) detach()    ->  the descriptor is no longer used, and may be closed
 */

#include "host/clock.h"
#include "host/inbox.h"
#include "host/listener.h"
#include "host/mailbox.h"
#include "host/trace.h"
#include "link/session.h"

#include <pthread.h>

#define EC_CHUNK 4096u
/* By this name the system's tools know the thread, to give it a priority of its own. */
#define EC_CARRIER_THREAD "edgecore-link"

/* A caller that waits for its own answer. Its lock is its own, so that it can go on while the
 * carrier's thread still writes; whoever holds both took the carrier's first. */
typedef struct ec_waiter {
    struct ec_waiter* next;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    ec_event event; /* body lies in `body` */
    uint64_t since_us, answered_us;
    uint32_t token;      /* of a request; 0: waits for the answer to a ping sent since `since_us` */
    uint16_t ping_bytes; /* and of at least so many */
    ec_listener* listener; /* of the event loop that waits, or NULL: a thread does */
    bool answered;
    uint8_t body[EC_BODY_MAX];
} ec_waiter;

/* Many requests of one kind, in their order. */
typedef struct {
    const uint8_t* records; /* count * size bytes */
    uint8_t *outcomes, *statuses;
    size_t size, count, begun, ended;
    uint32_t timeout_ms;
    uint8_t channel, type;
    pthread_cond_t changed;
} ec_batch;

typedef struct {
    ec_session session;
    ec_memory memory;
    pthread_mutex_t lock;
    pthread_cond_t mail_came; /* or the line broke, or someone called ec_carrier_wake */
    pthread_cond_t fd_left;
    pthread_cond_t led_no_more; /* the thread waits for it while callers read the line */
    pthread_t thread;
    ec_mailbox mailboxes[2];
    ec_mailbox* mail; /* being filled; the other one is the taker's */
    ec_inbox* inboxes;
    ec_waiter* waiters;
    ec_batch* batch;       /* or NULL */
    ec_listener* listener; /* whose set has the line, or NULL */
    ec_listener* taking;   /* whose loop takes what came, or NULL */
    ec_clock clock;
    ec_trace trace;
    uint64_t ping_due_us; /* of the clock's next exchange */
    uint32_t burst_left, known_boot;
    uint64_t sleeping_until_us; /* the reader looks again by itself; 0: it is awake */
    uint64_t led_until_us;      /* the line is left to callers until then; 0: it is not */
    uint64_t asked_us;          /* the line was asked last for what it has */
    uint64_t listened_us;       /* the session has had all that came until then */
    uint64_t undelivered;       /* frames that inboxes dropped */
    uint32_t last_token, first_of_batch, table_hash;
    uint32_t unanswered;     /* requests whose outcome is still to come */
    uint32_t byte_ns;        /* of a serial line, whose kernel buffer is kept short; 0: none */
    int fd, wake_fd, broken; /* broken: errno of the attached line; EPIPE at its end */
    bool running, stopping, fd_in_use, blocked, woken;
    bool led; /* a caller reads the line */
    size_t out_at, out_length, in_at, in_length;
    size_t queued; /* the most that the line's kernel buffer can hold */
    uint8_t out[EC_CHUNK], in[EC_CHUNK];
} ec_carrier;

/* Starts the thread. Returns 0 or an errno; EINVAL: see ec_session_init. `memory`, its rings and
 * `config`'s texts outlive the carrier. */
int ec_carrier_start(ec_carrier* carrier, const ec_config* config, const ec_memory* memory);

/* Keeps the newest bytes of the line, both ways, from now on, in memory that outlives the carrier.
 */
void ec_carrier_trace(ec_carrier* carrier, uint8_t* bytes, size_t capacity);

/* Ends the thread; a second call does nothing. Waiters are not ended by it. */
void ec_carrier_stop(ec_carrier* carrier);

/* Ends the thread and frees what start made. */
void ec_carrier_destroy(ec_carrier* carrier);

/* Gives the thread a line: a non-blocking descriptor, which stays the caller's. */
void ec_carrier_attach(ec_carrier* carrier, int fd, uint32_t byte_ns);
void ec_carrier_detach(ec_carrier* carrier);

/* The attached line's speed was changed. */
void ec_carrier_set_pace(ec_carrier* carrier, uint32_t byte_ns);

/* Waits up to `timeout_us` for mail, a broken line or a wake. Returns the mailbox, which is the
 * caller's until the next call; one caller at a time. `*broken` is as in ec_carrier. */
const ec_mailbox* ec_carrier_mail(ec_carrier* carrier, uint64_t timeout_us, int* broken);
void ec_carrier_wake(ec_carrier* carrier);

/* Queues a request and sends it at once if the line is free. Its outcome comes by mail with
 * `token`, below 2^31. */
ec_accepted ec_carrier_request(ec_carrier* carrier, uint8_t channel, uint8_t type,
                               const uint8_t* payload, size_t length, uint32_t timeout_ms,
                               uint32_t token);

/* The same for one caller, who then waits until it is answered and at last leaves. `listener` is as
 * in ec_waiter. */
ec_accepted ec_carrier_ask(ec_carrier* carrier, ec_waiter* waiter, uint8_t channel, uint8_t type,
                           const uint8_t* payload, size_t length, uint32_t timeout_ms,
                           ec_listener* listener);
void ec_carrier_ask_ping(ec_carrier* carrier, ec_waiter* waiter, uint16_t size);
bool ec_carrier_answered(ec_carrier* carrier, ec_waiter* waiter, uint64_t timeout_us);
void ec_carrier_leave(ec_carrier* carrier, ec_waiter* waiter);

/* For an event loop whose listener's descriptor is readable: takes what came, if the line is left
 * to it. Some of its waiters may be answered then. */
void ec_carrier_listen(ec_carrier* carrier, ec_listener* listener);

/* Before a listener is closed. */
void ec_carrier_forget(ec_carrier* carrier, const ec_listener* listener);

/* Ends all waiters and the batch, unanswered. */
void ec_carrier_end_waiters(ec_carrier* carrier);

/* Keeps the window full of a batch's requests until all have ended. False: another one is under
 * way. Wait with ec_carrier_batch_ended until it is true, or leave, which abandons what was not
 * begun; what was begun and has not ended keeps outcome EC_BATCH_UNENDED. */
bool ec_carrier_begin_batch(ec_carrier* carrier, ec_batch* batch);
bool ec_carrier_batch_ended(ec_carrier* carrier, ec_batch* batch, uint64_t timeout_us);
void ec_carrier_leave_batch(ec_carrier* carrier, ec_batch* batch);
#define EC_BATCH_UNENDED 0xFFu

/* As ec_clock_offset, for now. */
bool ec_carrier_clock(ec_carrier* carrier, int64_t* offset_ns, int64_t* error_ns);

ec_accepted ec_carrier_publish(ec_carrier* carrier, uint8_t channel, uint8_t type,
                               const uint8_t* payload, size_t length);
void ec_carrier_keep_alive(ec_carrier* carrier, uint16_t lease_ms);

/* Inboxes get frames only while their types are known to belong to the device's table, hashed so.
 */
void ec_carrier_know_table(ec_carrier* carrier, uint32_t hash);
void ec_carrier_add_inbox(ec_carrier* carrier, ec_inbox* inbox);
void ec_carrier_remove_inbox(ec_carrier* carrier, ec_inbox* inbox);

#endif
