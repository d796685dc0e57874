#include "host/trace.h"

#include <string.h>

void ec_trace_init(ec_trace* trace, uint8_t* bytes, size_t capacity) {
    memset(trace, 0, sizeof *trace);
    trace->bytes = bytes;
    trace->capacity = capacity;
}

/* Bytes from `at` on that lie before the end of the memory. */
static size_t straight(const ec_trace* trace, size_t at, size_t length) {
    size_t room = trace->capacity - at;
    return length < room ? length : room;
}

static void get(const ec_trace* trace, size_t at, void* out, size_t length) {
    size_t first = straight(trace, at, length);
    memcpy(out, trace->bytes + at, first);
    memcpy((uint8_t*)out + first, trace->bytes, length - first);
}

static void append(ec_trace* trace, const void* bytes, size_t length) {
    size_t at = (trace->head + trace->used) % trace->capacity;
    size_t first = straight(trace, at, length);
    memcpy(trace->bytes + at, bytes, first);
    memcpy(trace->bytes, (const uint8_t*)bytes + first, length - first);
    trace->used += length;
}

static void drop_oldest(ec_trace* trace) {
    ec_trace_entry entry;
    get(trace, trace->head, &entry, sizeof entry);
    trace->head = (trace->head + sizeof entry + entry.length) % trace->capacity;
    trace->used -= sizeof entry + entry.length;
    trace->lost = true;
}

void ec_trace_put(ec_trace* trace, uint64_t now_us, bool to_device, const uint8_t* piece,
                  size_t length) {
    ec_trace_entry entry;
    if (trace->capacity == 0 || length == 0) {
        return;
    }
    if (length > trace->capacity || sizeof entry > trace->capacity - length) {
        trace->used = 0; /* what is left must have no gap */
        trace->lost = true;
        return;
    }
    while (trace->capacity - trace->used < sizeof entry + length) {
        drop_oldest(trace);
    }
    memset(&entry, 0, sizeof entry);
    entry.t_us = now_us;
    entry.length = (uint32_t)length;
    entry.to_device = to_device;
    append(trace, &entry, sizeof entry);
    append(trace, piece, length);
}

size_t ec_trace_copy(const ec_trace* trace, uint8_t* out) {
    if (trace->used != 0) {
        get(trace, trace->head, out, trace->used);
    }
    return trace->used;
}
