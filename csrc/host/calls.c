/* What users of a carrier ask of it. */

#include "host/carrier_parts.h"
#include "host/monotonic.h"

/* Sends at once what was queued, and sees to it that the thread looks in time at what must be
 * repeated. */
static void speak(ec_carrier* c, uint64_t now) {
    uint64_t held_until = ec_carrier_flush(c, now);
    ec_carrier_look_at(c, held_until != 0 ? held_until : ec_session_due(&c->session, now));
}

const ec_mailbox* ec_carrier_mail(ec_carrier* c, uint64_t timeout_us, int* broken) {
    pthread_mutex_lock(&c->lock);
    uint64_t now = ec_monotonic_us(), until = now + timeout_us;
    while (c->mail->count == 0 && c->broken == 0 && !c->woken && now < until) {
        ec_condition_wait(&c->mail_came, &c->lock, until);
        now = ec_monotonic_us();
    }
    const ec_mailbox* taken = c->mail;
    if (ec_mailbox_full(taken)) {
        ec_carrier_look_at(c, 0);
    }
    c->mail = &c->mailboxes[c->mail == &c->mailboxes[0]];
    c->mail->count = c->mail->used = 0;
    c->woken = false;
    *broken = c->broken;
    pthread_mutex_unlock(&c->lock);
    return taken;
}

void ec_carrier_wake(ec_carrier* c) {
    pthread_mutex_lock(&c->lock);
    c->woken = true;
    pthread_cond_broadcast(&c->mail_came);
    pthread_mutex_unlock(&c->lock);
}

ec_accepted ec_carrier_request(ec_carrier* c, uint8_t channel, uint8_t type, const uint8_t* payload,
                               size_t length, uint32_t timeout_ms, uint32_t token) {
    pthread_mutex_lock(&c->lock);
    uint64_t now = ec_monotonic_us();
    ec_accepted answer = ec_session_request(&c->session, now, channel, type, payload, length,
                                            timeout_ms, token);
    if (answer == EC_ACCEPTED) {
        speak(c, now);
    }
    pthread_mutex_unlock(&c->lock);
    return answer;
}

static void enter(ec_carrier* c, ec_waiter* waiter, uint32_t token, uint64_t now) {
    ec_condition_init(&waiter->changed);
    waiter->token = token;
    waiter->since_us = now;
    waiter->answered = false;
    waiter->event.kind = EC_EVENT_NONE;
    waiter->next = c->waiters;
    c->waiters = waiter;
}

ec_accepted ec_carrier_ask(ec_carrier* c, ec_waiter* waiter, uint8_t channel, uint8_t type,
                           const uint8_t* payload, size_t length, uint32_t timeout_ms) {
    pthread_mutex_lock(&c->lock);
    uint64_t now = ec_monotonic_us();
    uint32_t token = ++c->last_token | EC_WAITER_TOKENS;
    ec_accepted answer = ec_session_request(&c->session, now, channel, type, payload, length,
                                            timeout_ms, token);
    if (answer == EC_ACCEPTED) {
        enter(c, waiter, token, now);
        ec_carrier_flush(c, now);
    }
    pthread_mutex_unlock(&c->lock);
    return answer;
}

void ec_carrier_ping(ec_carrier* c, ec_waiter* waiter, uint16_t size) {
    pthread_mutex_lock(&c->lock);
    uint64_t now = ec_monotonic_us();
    ec_session_ping(&c->session, size);
    if (waiter != NULL) {
        enter(c, waiter, 0, now);
    }
    speak(c, now);
    pthread_mutex_unlock(&c->lock);
}

/* The thread need not know of a request whose answer comes in time: only a waiter whose request must
 * be repeated wakes it. */
bool ec_carrier_answered(ec_carrier* c, ec_waiter* waiter, uint64_t timeout_us) {
    pthread_mutex_lock(&c->lock);
    uint64_t now = ec_monotonic_us(), until = now + timeout_us;
    while (!waiter->answered && now < until) {
        uint64_t due = ec_session_due(&c->session, now);
        if (due <= now) {
            ec_carrier_look_at(c, now);
            due = until;
        }
        ec_condition_wait(&waiter->changed, &c->lock, due < until ? due : until);
        now = ec_monotonic_us();
    }
    bool answered = waiter->answered;
    pthread_mutex_unlock(&c->lock);
    return answered;
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
}

void ec_carrier_end_waiters(ec_carrier* c) {
    pthread_mutex_lock(&c->lock);
    for (ec_waiter* waiter = c->waiters; waiter != NULL; waiter = waiter->next) {
        waiter->answered = true;
        pthread_cond_signal(&waiter->changed);
    }
    pthread_mutex_unlock(&c->lock);
}

ec_accepted ec_carrier_publish(ec_carrier* c, uint8_t channel, uint8_t type, const uint8_t* payload,
                               size_t length) {
    pthread_mutex_lock(&c->lock);
    ec_accepted answer = ec_session_publish(&c->session, channel, type, payload, length);
    if (answer == EC_ACCEPTED) {
        speak(c, ec_monotonic_us());
    }
    pthread_mutex_unlock(&c->lock);
    return answer;
}

void ec_carrier_keep_alive(ec_carrier* c, uint16_t lease_ms) {
    pthread_mutex_lock(&c->lock);
    uint64_t now = ec_monotonic_us();
    ec_session_keep_alive(&c->session, now, lease_ms);
    speak(c, now);
    pthread_mutex_unlock(&c->lock);
}

void ec_carrier_know_table(ec_carrier* c, uint32_t hash) {
    pthread_mutex_lock(&c->lock);
    c->table_hash = hash;
    pthread_mutex_unlock(&c->lock);
}

void ec_carrier_add_inbox(ec_carrier* c, ec_inbox* inbox) {
    pthread_mutex_lock(&c->lock);
    inbox->next = c->inboxes;
    c->inboxes = inbox;
    pthread_mutex_unlock(&c->lock);
}

void ec_carrier_remove_inbox(ec_carrier* c, ec_inbox* inbox) {
    pthread_mutex_lock(&c->lock);
    for (ec_inbox** at = &c->inboxes; *at != NULL; at = &(*at)->next) {
        if (*at == inbox) {
            *at = inbox->next;
            break;
        }
    }
    pthread_mutex_unlock(&c->lock);
}
