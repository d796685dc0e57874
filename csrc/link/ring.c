#include "link/parts.h"

#include <string.h>

void ec_ring_init(ec_ring* ring, uint8_t* bytes, size_t capacity) {
    ring->bytes = bytes;
    ring->capacity = bytes != NULL ? capacity : 0;
    ec_ring_clear(ring);
}

void ec_ring_clear(ec_ring* ring) {
    ring->head = 0;
    ring->used = 0;
}

static void copy_in(ec_ring* ring, const uint8_t* from, size_t length) {
    size_t at = (ring->head + ring->used) % ring->capacity;
    size_t first = ring->capacity - at;
    first = length < first ? length : first;
    memcpy(ring->bytes + at, from, first);
    if (length > first) {
        memcpy(ring->bytes, from + first, length - first);
    }
    ring->used += length;
}

static void copy_out(ec_ring* ring, uint8_t* to, size_t length) {
    size_t first = ring->capacity - ring->head;
    first = length < first ? length : first;
    memcpy(to, ring->bytes + ring->head, first);
    if (length > first) {
        memcpy(to + first, ring->bytes, length - first);
    }
    ring->head = (ring->head + length) % ring->capacity;
    ring->used -= length;
}

static void drop_oldest(ec_ring* ring) {
    uint8_t entry[EC_RING_ENTRY_BYTES];
    copy_out(ring, entry, sizeof entry);
    size_t length = ec_get_u16(entry);
    ring->head = (ring->head + length) % ring->capacity;
    ring->used -= length;
}

int ec_ring_push(ec_ring* ring, uint8_t sequence, uint8_t type, const uint8_t* payload,
                 uint16_t length) {
    size_t needed = EC_RING_ENTRY_BYTES + (size_t)length;
    if (needed > ring->capacity) {
        return -1;
    }
    int dropped = 0;
    while (ring->capacity - ring->used < needed) {
        drop_oldest(ring);
        dropped++;
    }
    uint8_t entry[EC_RING_ENTRY_BYTES] = {0, 0, sequence, type};
    ec_put_u16(entry, length);
    copy_in(ring, entry, sizeof entry);
    if (length != 0) {
        copy_in(ring, payload, length);
    }
    return dropped;
}

bool ec_ring_pop(ec_ring* ring, ec_frame* frame, uint8_t* body) {
    if (ring->used == 0) {
        return false;
    }
    uint8_t entry[EC_RING_ENTRY_BYTES];
    copy_out(ring, entry, sizeof entry);
    frame->length = ec_get_u16(entry);
    frame->sequence = entry[2];
    frame->type = entry[3];
    frame->body = body;
    copy_out(ring, body, frame->length);
    return true;
}
