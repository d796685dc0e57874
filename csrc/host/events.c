/* To whom the events of a carrier's session go. */

#include "host/carrier_parts.h"
#include "host/monotonic.h"

#include <string.h>

static void answer(ec_carrier* c, ec_waiter* waiter, uint64_t now, const ec_event* event) {
    pthread_mutex_lock(&waiter->lock);
    waiter->event = *event;
    waiter->event.body = waiter->body;
    if (event->length != 0) {
        memcpy(waiter->body, event->body, event->length);
    }
    waiter->answered_us = now;
    waiter->answered = true;
    pthread_mutex_unlock(&waiter->lock);
    if (waiter->listener == NULL) {
        pthread_cond_signal(&waiter->changed); /* it cannot be gone: to leave needs the lock */
    } else if (waiter->listener != c->taking) {
        ec_listener_ring(waiter->listener);
    }
    ec_carrier_invite(c, now, waiter->listener);
}

static void to_batch(ec_carrier* c, uint64_t now, const ec_event* event) {
    ec_batch* batch = c->batch;
    uint32_t number = (event->token - c->first_of_batch) & EC_BATCH_NUMBERS;
    if (batch == NULL || number >= batch->begun) {
        return;
    }
    batch->outcomes[number] = (uint8_t)event->outcome;
    batch->statuses[number] = event->status;
    batch->ended++;
    ec_carrier_fill_batch(c, now);
}

/* False: nobody waits for it, it goes by mail. */
static bool to_caller(ec_carrier* c, uint64_t now, const ec_event* event) {
    if (event->token < EC_BATCH_TOKENS) {
        return false;
    }
    if (event->token < EC_WAITER_TOKENS) {
        to_batch(c, now, event);
        return true;
    }
    for (ec_waiter* waiter = c->waiters; waiter != NULL; waiter = waiter->next) {
        if (waiter->token == event->token && !waiter->answered) {
            answer(c, waiter, now, event);
        }
    }
    return true; /* also when it left without waiting to the end */
}

static void to_pinging(ec_carrier* c, uint64_t now, const ec_event* event) {
    for (ec_waiter* waiter = c->waiters; waiter != NULL; waiter = waiter->next) {
        if (waiter->token == 0 && !waiter->answered && waiter->since_us <= event->t1) {
            answer(c, waiter, now, event);
        }
    }
}

static void mail(ec_carrier* c, const ec_event* event) {
    ec_mailbox_put(c->mail, event);
    pthread_cond_broadcast(&c->mail_came);
}

void ec_carrier_note(ec_carrier* c, ec_inbox* inbox) {
    if (inbox->wants_note && !inbox->noted && inbox->frames != 0 && !ec_mailbox_full(c->mail)) {
        ec_event note = {.kind = EC_EVENT_READY, .token = inbox->number};
        inbox->noted = true;
        mail(c, &note);
    }
}

static void to_inboxes(ec_carrier* c, uint64_t now, const ec_event* event) {
    /* What the link's own types mean, no table says. */
    bool known = c->table_hash == ec_session_peer(&c->session)->schema_hash;
    bool log = event->channel == EC_CHANNEL_LOG && (known || event->type >= EC_TYPE_LINK);
    for (ec_inbox* inbox = c->inboxes; inbox != NULL; inbox = inbox->next) {
        bool logs = inbox->type == EC_INBOX_LOGS;
        bool wanted = logs ? log : known && inbox->type == event->type;
        if (!wanted || inbox->closed) {
            continue;
        }
        uint64_t dropped = inbox->dropped;
        ec_inbox_put(inbox, now, event->type, event->body, event->length);
        c->undelivered += logs ? 0 : inbox->dropped - dropped;
        ec_carrier_note(c, inbox);
    }
}

void ec_carrier_collect(ec_carrier* c, uint64_t now) {
    ec_event event;
    uint64_t until = c->fd >= 0 && c->broken == 0 ? c->listened_us : now;
    while (!ec_mailbox_full(c->mail) && ec_session_event(&c->session, until, &event)) {
        switch (event.kind) {
        case EC_EVENT_DATA:
            to_inboxes(c, now, &event);
            break;
        case EC_EVENT_OUTCOME:
            c->unanswered--;
            if (!to_caller(c, now, &event)) {
                mail(c, &event);
            }
            break;
        case EC_EVENT_REQUEST: /* a device asks nothing that a host does */
            ec_session_result(&c->session, event.handle, EC_STATUS_UNKNOWN_TYPE, NULL, 0);
            break;
        case EC_EVENT_PONG:
            ec_carrier_take_time(c, now, &event);
            to_pinging(c, now, &event);
            break;
        case EC_EVENT_OPEN:
            ec_carrier_begin_time(c, now);
            mail(c, &event);
            break;
        default:
            mail(c, &event);
        }
    }
}
