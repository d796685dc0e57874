#ifndef EC_LINK_COBS_H
#define EC_LINK_COBS_H

/* Consistent Overhead Byte Stuffing: any bytes to bytes without 0x00, one more byte per 254.
 * Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999.
 *
 *     11 22 00 33    ->    03 11 22 02 33
 *                          ^^ distance to the next zero, or to the end
 *
 * Both directions work in pieces and can stop at any byte. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EC_COBS_MAX(length) ((length) + ((length) + 253u) / 254u + ((length) == 0u))

typedef struct {
    uint8_t* out;
    size_t code_at, at;
    uint8_t code;
} ec_cobs_writer;

/* `out` holds EC_COBS_MAX of all that will be put, and overlaps none of it. */
void ec_cobs_begin(ec_cobs_writer* writer, uint8_t* out);
void ec_cobs_put(ec_cobs_writer* writer, const uint8_t* source, size_t length);

/* Ends the encoding, without a delimiter. Returns its length in bytes. */
size_t ec_cobs_end(ec_cobs_writer* writer);

typedef struct {
    uint8_t code;      /* the code byte in force; 0 before the first */
    uint8_t remaining; /* bytes until the next code byte; not 0 at the end: cut short */
} ec_cobs_reader;

/* Takes encoded bytes, none of them 0x00. Stores at most `length` decoded bytes in out[0..), which
 * may be data itself, and returns how many. Begin with a zeroed reader. Not with EC_BYTEWISE. */
size_t ec_cobs_read(ec_cobs_reader* reader, const uint8_t* data, size_t length, uint8_t* out);

#endif
