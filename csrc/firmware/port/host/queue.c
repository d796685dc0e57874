#include "firmware/port/host/board.h"

#include <string.h>

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t ec_queue_put(ec_queue* queue, const uint8_t* data, size_t length) {
    size_t count = smaller(length, EC_QUEUE_BYTES - queue->used);
    size_t tail = (queue->head + queue->used) % EC_QUEUE_BYTES;
    size_t first = smaller(count, EC_QUEUE_BYTES - tail);
    memcpy(queue->bytes + tail, data, first);
    memcpy(queue->bytes, data + first, count - first);
    queue->used += (uint32_t)count;
    return count;
}

size_t ec_queue_front(const ec_queue* queue, const uint8_t** data) {
    *data = queue->bytes + queue->head;
    return smaller(queue->used, EC_QUEUE_BYTES - queue->head);
}

void ec_queue_drop(ec_queue* queue, size_t length) {
    uint32_t count = (uint32_t)smaller(length, queue->used);
    queue->head = (queue->head + count) % EC_QUEUE_BYTES;
    queue->used -= count;
}

size_t ec_queue_take(ec_queue* queue, uint8_t* data, size_t capacity) {
    size_t taken = 0;
    while (taken < capacity && queue->used > 0) {
        const uint8_t* front;
        size_t count = smaller(ec_queue_front(queue, &front), capacity - taken);
        memcpy(data + taken, front, count);
        ec_queue_drop(queue, count);
        taken += count;
    }
    return taken;
}
