/* Callers that wait for their own answers. */

#include "host/carrier_parts.h"
#include "host/monotonic.h"

static void enter(ec_carrier* c, ec_waiter* waiter, uint32_t token, ec_listener* listener,
                  uint64_t now) {
    pthread_mutex_init(&waiter->lock, NULL);
    ec_condition_init(&waiter->changed);
    waiter->token = token;
    waiter->since_us = now;
    waiter->listener = listener;
    waiter->answered = false;
    waiter->event.kind = EC_EVENT_NONE;
    waiter->next = c->waiters;
    c->waiters = waiter;
}

ec_accepted ec_carrier_ask(ec_carrier* c, ec_waiter* waiter, uint8_t channel, uint8_t type,
                           const uint8_t* payload, size_t length, uint32_t timeout_ms,
                           ec_listener* listener) {
    pthread_mutex_lock(&c->lock);
    uint64_t now = ec_monotonic_us();
    uint32_t token = ++c->last_token | EC_WAITER_TOKENS;
    ec_accepted answer =
        ec_session_request(&c->session, now, channel, type, payload, length, timeout_ms, token);
    if (answer == EC_ACCEPTED) {
        enter(c, waiter, token, listener, now);
        c->unanswered++;
        if (listener == NULL) {
            ec_carrier_flush(c, now); /* the caller sees to repetitions, see ec_carrier_answered */
        } else {
            ec_carrier_speak(c, now);
            ec_carrier_expect(c, now, listener);
        }
    }
    pthread_mutex_unlock(&c->lock);
    return answer;
}

void ec_carrier_ask_ping(ec_carrier* c, ec_waiter* waiter, uint16_t size) {
    pthread_mutex_lock(&c->lock);
    uint64_t now = ec_monotonic_us();
    enter(c, waiter, 0, NULL, now);
    waiter->ping_bytes = size;
    ec_carrier_ping(c, now);
    ec_carrier_speak(c, now);
    pthread_mutex_unlock(&c->lock);
}

/* When the session must look again; wakes the thread if that is now. */
static uint64_t due(ec_carrier* c, uint64_t now) {
    pthread_mutex_lock(&c->lock);
    uint64_t due = ec_session_due(&c->session, now);
    if (due <= now) {
        ec_carrier_look_at(c, now);
    }
    pthread_mutex_unlock(&c->lock);
    return due <= now ? EC_NEVER : due;
}

/* The thread need not know of a request whose answer comes in time: only a waiter whose request
 * must be repeated wakes it. */
static bool follow(ec_carrier* c, ec_waiter* waiter, uint64_t until) {
    uint64_t now = ec_monotonic_us();
    uint64_t look = due(c, now);
    pthread_mutex_lock(&waiter->lock);
    while (!waiter->answered && now < until) {
        ec_condition_wait(&waiter->changed, &waiter->lock, look < until ? look : until);
        now = ec_monotonic_us();
        if (!waiter->answered && now >= look) {
            pthread_mutex_unlock(&waiter->lock);
            look = due(c, now);
            pthread_mutex_lock(&waiter->lock);
        }
    }
    bool answered = waiter->answered;
    pthread_mutex_unlock(&waiter->lock);
    return answered;
}

bool ec_carrier_answered(ec_carrier* c, ec_waiter* waiter, uint64_t timeout_us) {
    uint64_t until = ec_monotonic_us() + timeout_us;
    ec_carrier_lead(c, waiter, until);
    return follow(c, waiter, until);
}

void ec_carrier_leave(ec_carrier* c, ec_waiter* waiter) {
    pthread_mutex_lock(&c->lock);
    for (ec_waiter** at = &c->waiters; *at != NULL; at = &(*at)->next) {
        if (*at == waiter) {
            *at = waiter->next;
            break;
        }
    }
    pthread_mutex_unlock(&c->lock);
    pthread_cond_destroy(&waiter->changed);
    pthread_mutex_destroy(&waiter->lock);
}

void ec_carrier_end_waiters(ec_carrier* c) {
    pthread_mutex_lock(&c->lock);
    for (ec_waiter* waiter = c->waiters; waiter != NULL; waiter = waiter->next) {
        pthread_mutex_lock(&waiter->lock);
        waiter->answered = true;
        pthread_cond_signal(&waiter->changed);
        pthread_mutex_unlock(&waiter->lock);
        if (waiter->listener != NULL) {
            ec_listener_ring(waiter->listener);
        }
    }
    if (c->batch != NULL) {
        c->batch->begun = c->batch->ended = c->batch->count;
        pthread_cond_signal(&c->batch->changed);
    }
    ec_carrier_look_at(c, 0);
    pthread_mutex_unlock(&c->lock);
}

void ec_carrier_fill_batch(ec_carrier* c, uint64_t now) {
    ec_batch* batch = c->batch;
    while (batch->begun < batch->count) {
        uint32_t number = (c->first_of_batch + (uint32_t)batch->begun) & EC_BATCH_NUMBERS;
        const uint8_t* record = batch->records + batch->begun * batch->size;
        if (ec_session_request(&c->session, now, batch->channel, batch->type, record, batch->size,
                               batch->timeout_ms, EC_BATCH_TOKENS | number) != EC_ACCEPTED) {
            break;
        }
        batch->begun++;
        c->unanswered++;
    }
    if (batch->ended == batch->count) {
        pthread_cond_signal(&batch->changed);
    }
}

bool ec_carrier_begin_batch(ec_carrier* c, ec_batch* batch) {
    pthread_mutex_lock(&c->lock);
    bool free = c->batch == NULL;
    if (free) {
        uint64_t now = ec_monotonic_us();
        batch->begun = batch->ended = 0;
        ec_condition_init(&batch->changed);
        c->batch = batch;
        ec_carrier_fill_batch(c, now);
        ec_carrier_speak(c, now);
        ec_carrier_expect(c, now, NULL);
    }
    pthread_mutex_unlock(&c->lock);
    return free;
}

bool ec_carrier_batch_ended(ec_carrier* c, ec_batch* batch, uint64_t timeout_us) {
    pthread_mutex_lock(&c->lock);
    uint64_t now = ec_monotonic_us(), until = now + timeout_us;
    while (batch->ended < batch->count && now < until) {
        if (batch->begun == batch->ended) { /* others had the whole window when it was its turn */
            ec_carrier_fill_batch(c, now);
            ec_carrier_speak(c, now);
        }
        ec_condition_wait(&batch->changed, &c->lock, until);
        now = ec_monotonic_us();
    }
    bool ended = batch->ended == batch->count;
    pthread_mutex_unlock(&c->lock);
    return ended;
}

void ec_carrier_leave_batch(ec_carrier* c, ec_batch* batch) {
    pthread_mutex_lock(&c->lock);
    c->batch = NULL;
    c->first_of_batch += (uint32_t)batch->begun;
    pthread_mutex_unlock(&c->lock);
    pthread_cond_destroy(&batch->changed);
}
