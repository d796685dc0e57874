#ifndef EC_FIRMWARE_CORTEXM_FIFO_H
#define EC_FIRMWARE_CORTEXM_FIFO_H

/* Bytes between an interrupt and the main loop: one of them puts, the other takes, and neither
 * waits. Each writes one index only, and the byte before the index that announces it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A power of two. */
#ifndef EC_FIFO_BYTES
#    define EC_FIFO_BYTES 1024u
#endif

typedef struct {
    volatile uint32_t put, taken; /* since boot, modulo 2^32 */
    volatile uint8_t bytes[EC_FIFO_BYTES];
} ec_fifo;

static inline bool ec_fifo_empty(const ec_fifo* fifo) {
    return fifo->put == fifo->taken;
}

static inline bool ec_fifo_full(const ec_fifo* fifo) {
    return fifo->put - fifo->taken == EC_FIFO_BYTES;
}

/* The FIFO is not full. */
static inline void ec_fifo_put(ec_fifo* fifo, uint8_t byte) {
    uint32_t at = fifo->put;
    fifo->bytes[at % EC_FIFO_BYTES] = byte;
    fifo->put = at + 1;
}

/* The FIFO is not empty. */
static inline uint8_t ec_fifo_take(ec_fifo* fifo) {
    uint32_t at = fifo->taken;
    uint8_t byte = fifo->bytes[at % EC_FIFO_BYTES];
    fifo->taken = at + 1;
    return byte;
}

#endif
