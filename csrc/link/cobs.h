#ifndef EC_LINK_COBS_H
#define EC_LINK_COBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Consistent Overhead Byte Stuffing: any bytes to bytes without 0x00, one more byte per 254.
 * Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999.
 *
 *     11 22 00 33    ->    03 11 22 02 33
 *                          ^^ distance to the next zero, or to the end
 */
#define EC_COBS_MAX(length) ((length) + ((length) + 253u) / 254u + ((length) == 0u))

/* Writes the encoding of source[0..length) to `out`, which holds EC_COBS_MAX(length) bytes and
 * does not overlap it. Returns the bytes written; no delimiter is added. */
size_t ec_cobs_encode(const uint8_t* source, size_t length, uint8_t* out);

/* Decodes data[0..length), which holds no 0x00, in place. Returns false when a code byte points
 * past the end; then data and *decoded are unspecified. */
bool ec_cobs_decode(uint8_t* data, size_t length, size_t* decoded);

#endif
