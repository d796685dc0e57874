#ifndef EC_LINK_BULK_RECEIVER_H
#define EC_LINK_BULK_RECEIVER_H

/* The receiving half of a transfer: puts fragments in order in a window of memory, from which their
 * owner stores them, and says what is there. It knows neither storage nor session.
 *
 *     stored          limit = stored + capacity, the credit the sender has
 *     |               |
 *     |###..####.#....|     # held   . missing
 *      ^^^ ready      |
 */

#include "link/bulk.h"

typedef struct {
    uint8_t* buffer; /* the byte at `offset` lies at buffer[offset % capacity] */
    uint32_t capacity, length, stored;
    uint16_t transfer, stamp;
    uint8_t held[EC_BULK_MAP_BYTES]; /* bit per grain of the buffer */
} ec_receiver;

/* `buffer` stays the caller's. `capacity` is a multiple of 8 grains, at most EC_BULK_WINDOW_MAX. */
void ec_receiver_init(ec_receiver* receiver, uint8_t* buffer, uint32_t capacity);

/* Awaits `length` bytes of which the first `stored`, whole grains or all, are there already. */
void ec_receiver_begin(ec_receiver* receiver, uint16_t transfer, uint32_t length, uint32_t stored);

/* The frame of this transfer that was seen last; reports name it. */
void ec_receiver_saw(ec_receiver* receiver, uint16_t stamp);

/* Takes the body of an EC_BULK_FRAGMENT. False, and nothing is kept, when it is of another transfer
 * or lies outside what was granted; what is held or stored already is not taken twice. */
bool ec_receiver_fragment(ec_receiver* receiver, const uint8_t* body, size_t length);

/* What can be stored next: bytes at offset `stored`, in one piece; 0 when there are none. */
size_t ec_receiver_ready(const ec_receiver* receiver, const uint8_t** data);

/* The first `length` bytes that were ready are stored: whole grains, or all up to the end. */
void ec_receiver_stored(ec_receiver* receiver, size_t length);

bool ec_receiver_complete(const ec_receiver* receiver);

/* Writes an EC_BULK_REPORT's body to out[0..EC_BULK_REPORT_MAX); returns its length. */
size_t ec_receiver_report(const ec_receiver* receiver, uint8_t status, uint8_t* out);

#endif
