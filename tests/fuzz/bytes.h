/* A fuzzer's bytes, taken one after the other; zeros behind the last. */
#ifndef EC_TESTS_FUZZ_BYTES_H
#define EC_TESTS_FUZZ_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t* data;
    size_t size, at;
} bytes;

static inline bool bytes_left(const bytes* in) {
    return in->at < in->size;
}

static inline uint8_t take_byte(bytes* in) {
    return bytes_left(in) ? in->data[in->at++] : 0;
}

/* Up to `most` bytes in a block of exactly their size, for AddressSanitizer; free() it. */
static inline uint8_t* take_block(bytes* in, size_t most, size_t* length) {
    size_t left = in->size - in->at;
    *length = most < left ? most : left;
    uint8_t* block = malloc(*length);
    if (*length > 0) {
        memcpy(block, in->data + in->at, *length);
    }
    in->at += *length;
    return block;
}

static inline void check(bool holds, const char* what) {
    if (!holds) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

#endif
