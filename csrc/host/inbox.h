#ifndef EC_HOST_INBOX_H
#define EC_HOST_INBOX_H

/* Best-effort frames of one message, kept for one reader. Bounded in frames: the oldest go first,
 * and are counted. Its user locks. */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before each body in ec_inbox.bytes. */
typedef struct {
    uint64_t t_us;  /* of arrival */
    uint32_t epoch; /* of the table of messages it was sent under */
    uint16_t length;
    uint8_t type;
} ec_inbox_entry;

#define EC_INBOX_LOGS 0x100

typedef struct ec_inbox {
    struct ec_inbox* next;
    uint8_t* bytes; /* entries from `head` to `tail`, each followed by its body */
    size_t capacity, head, tail;
    size_t frames, frames_max;
    uint64_t dropped;
    uint32_t epoch, number;
    int16_t type; /* EC_INBOX_LOGS: all of the log channel; -1: this device has no such message */
    bool noted;   /* the mailbox holds a note of it */
    bool wants_note, closed;
    int ready_fd; /* an eventfd that becomes readable with the first frame, or -1 */
    pthread_cond_t changed;
} ec_inbox;

void ec_inbox_init(ec_inbox* inbox, size_t frames_max);
void ec_inbox_destroy(ec_inbox* inbox);

/* Keeps a frame, or drops it for lack of memory. */
void ec_inbox_put(ec_inbox* inbox, uint64_t now_us, uint8_t type, const uint8_t* body,
                  uint16_t length);

/* Hands over all that is kept: the caller frees *bytes. Returns how many frames. */
size_t ec_inbox_take(ec_inbox* inbox, uint8_t** bytes, size_t* head, size_t* tail);

#endif
