/* What users of a carrier ask of it. */

#include "host/carrier_parts.h"
#include "host/monotonic.h"

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
    for (ec_inbox* inbox = c->inboxes; inbox != NULL; inbox = inbox->next) {
        ec_carrier_note(c, inbox);
    }
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
    ec_accepted answer =
        ec_session_request(&c->session, now, channel, type, payload, length, timeout_ms, token);
    if (answer == EC_ACCEPTED) {
        c->unanswered++;
        ec_carrier_speak(c, now);
        ec_carrier_expect(c, now, NULL);
    }
    pthread_mutex_unlock(&c->lock);
    return answer;
}

ec_accepted ec_carrier_publish(ec_carrier* c, uint8_t channel, uint8_t type, const uint8_t* payload,
                               size_t length) {
    pthread_mutex_lock(&c->lock);
    ec_accepted answer = ec_session_publish(&c->session, channel, type, payload, length);
    if (answer == EC_ACCEPTED) {
        ec_carrier_speak(c, ec_monotonic_us());
    }
    pthread_mutex_unlock(&c->lock);
    return answer;
}

void ec_carrier_keep_alive(ec_carrier* c, uint16_t lease_ms) {
    pthread_mutex_lock(&c->lock);
    uint64_t now = ec_monotonic_us();
    ec_session_keep_alive(&c->session, now, lease_ms);
    ec_carrier_speak(c, now);
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
