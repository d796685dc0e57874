#include "host/inbox.h"

#include "host/monotonic.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_BYTES 4096u

void ec_inbox_init(ec_inbox* inbox, size_t frames_max) {
    memset(inbox, 0, sizeof *inbox);
    inbox->frames_max = frames_max;
    inbox->type = -1;
    inbox->ready_fd = -1;
    ec_condition_init(&inbox->changed);
}

void ec_inbox_destroy(ec_inbox* inbox) {
    pthread_cond_destroy(&inbox->changed);
    free(inbox->bytes);
}

static void drop_oldest(ec_inbox* inbox) {
    ec_inbox_entry entry;
    memcpy(&entry, inbox->bytes + inbox->head, sizeof entry);
    inbox->head += sizeof entry + entry.length;
    inbox->frames--;
    inbox->dropped++;
}

/* Moves what is kept to the front, or to more memory when it fills more than half. */
static bool make_room(ec_inbox* inbox, size_t needed) {
    size_t kept = inbox->tail - inbox->head;
    if (inbox->capacity - inbox->tail >= needed) {
        return true;
    }
    if (2 * (kept + needed) > inbox->capacity) {
        size_t capacity = inbox->capacity != 0 ? 2 * inbox->capacity : FIRST_BYTES;
        uint8_t* bytes = malloc(capacity);
        if (bytes == NULL) {
            return false;
        }
        if (kept != 0) {
            memcpy(bytes, inbox->bytes + inbox->head, kept);
        }
        free(inbox->bytes);
        inbox->bytes = bytes;
        inbox->capacity = capacity;
    } else {
        memmove(inbox->bytes, inbox->bytes + inbox->head, kept);
    }
    inbox->head = 0;
    inbox->tail = kept;
    return true;
}

void ec_inbox_put(ec_inbox* inbox, uint64_t now_us, uint8_t type, const uint8_t* body,
                  uint16_t length) {
    ec_inbox_entry entry = {now_us, inbox->epoch, length, type};
    while (inbox->frames >= inbox->frames_max) {
        drop_oldest(inbox);
    }
    if (!make_room(inbox, sizeof entry + length)) {
        inbox->dropped++;
        return;
    }
    memcpy(inbox->bytes + inbox->tail, &entry, sizeof entry);
    if (length != 0) {
        memcpy(inbox->bytes + inbox->tail + sizeof entry, body, length);
    }
    inbox->tail += sizeof entry + length;
    if (inbox->frames++ == 0 && inbox->ready_fd >= 0) {
        uint64_t one = 1;
        ssize_t written = write(inbox->ready_fd, &one, sizeof one);
        (void)written; /* full: it is readable already */
    }
    pthread_cond_signal(&inbox->changed);
}

size_t ec_inbox_take(ec_inbox* inbox, uint8_t** bytes, size_t* head, size_t* tail) {
    size_t frames = inbox->frames;
    *bytes = inbox->bytes;
    *head = inbox->head;
    *tail = inbox->tail;
    inbox->bytes = NULL;
    inbox->capacity = inbox->head = inbox->tail = inbox->frames = 0;
    inbox->noted = false;
    if (inbox->ready_fd >= 0) {
        uint64_t count;
        ssize_t got = read(inbox->ready_fd, &count, sizeof count);
        (void)got; /* empty: nothing came */
    }
    return frames;
}
