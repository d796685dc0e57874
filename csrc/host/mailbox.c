#include "host/mailbox.h"

#include <string.h>

void ec_mailbox_put(ec_mailbox* mailbox, const ec_event* event) {
    ec_event* kept = &mailbox->events[mailbox->count++];
    *kept = *event;
    kept->body = mailbox->bytes + mailbox->used;
    if (event->length != 0) {
        memcpy(mailbox->bytes + mailbox->used, event->body, event->length);
        mailbox->used += event->length;
    }
}
