#ifndef EC_HOST_MAILBOX_H
#define EC_HOST_MAILBOX_H

/* Events of a session on their way to another thread, copied with their bodies. Bounded; its user
 * locks, and asks the session for no more while it is full. */

#include "link/session.h"

#define EC_MAIL_MAX 256u
#define EC_MAIL_BYTES 65536u

/* Beside the session's own kinds. */
#define EC_EVENT_READY 0x100 /* the inbox numbered `token` has frames */

typedef struct {
    ec_event events[EC_MAIL_MAX]; /* their bodies lie in `bytes` */
    size_t count, used;
    uint8_t bytes[EC_MAIL_BYTES];
} ec_mailbox;

static inline bool ec_mailbox_full(const ec_mailbox* mailbox) {
    return mailbox->count == EC_MAIL_MAX || mailbox->used + EC_BODY_MAX > EC_MAIL_BYTES;
}

/* It is not full. */
void ec_mailbox_put(ec_mailbox* mailbox, const ec_event* event);

#endif
