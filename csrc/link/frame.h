#ifndef EC_LINK_FRAME_H
#define EC_LINK_FRAME_H

/* One frame on the wire, and a decoder that can stop at any byte.
 *
 *     [00]  COBS( kind channel sequence type | body 0..512 | CRC-32C, little-endian )  00
 *
 * The leading 00 follows idle time and ends whatever noise the line made meanwhile. The CRC covers
 * header and body. Nothing here allocates; the caller owns every buffer.
 *
 * EC_BYTEWISE, defined for a small MCU, goes a byte at a time both ways in place of a block:
 * slower, and less code. */

#include "link/cobs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EC_HEADER_BYTES 4u
#define EC_CRC_BYTES 4u
#define EC_BODY_MAX 512u
#define EC_FRAME_MAX (EC_HEADER_BYTES + EC_BODY_MAX + EC_CRC_BYTES)
/* The longest frame on the wire, with both delimiters. */
#define EC_WIRE_MAX (EC_COBS_MAX(EC_FRAME_MAX) + 2u)

typedef struct {
    uint8_t kind, channel, sequence, type; /* first, and in the wire's order */
    const uint8_t* body;                   /* may be NULL when length is 0 */
    uint16_t length;
} ec_frame;

/* Writes `frame` to out[0..capacity), preceded by a delimiter when `after_idle`. Returns the bytes
 * written; 0 when the body is over EC_BODY_MAX or the frame does not fit. */
size_t ec_frame_encode(const ec_frame* frame, bool after_idle, uint8_t* out, size_t capacity);

/* Why bytes between two delimiters were no frame. */
typedef enum {
    EC_CORRUPT_COBS,  /* a code byte points past the delimiter */
    EC_CORRUPT_SHORT, /* fewer bytes than header and CRC */
    EC_CORRUPT_LONG,  /* more bytes than the decoder's buffer */
    EC_CORRUPT_CRC,   /* the check failed */
#ifndef EC_NO_AUTH
    EC_CORRUPT_AUTH, /* no frame of the authenticated session, see auth.h; the session's to count */
#endif
    EC_CORRUPT_REASONS
} ec_corrupt;

typedef enum {
    EC_DECODED_NOTHING, /* all bytes used, no delimiter met */
    EC_DECODED_FRAME,
    EC_DECODED_CORRUPT
} ec_decoded;

typedef struct {
    uint8_t* buffer;
    uint16_t capacity;
    uint16_t length;
    ec_cobs_reader cobs;
    bool oversized;
    uint32_t frames;
    uint32_t errors[EC_CORRUPT_REASONS];
} ec_decoder;

/* `buffer` stays the caller's and outlives the decoder. A capacity of EC_FRAME_MAX takes every
 * legal frame; a smaller one answers EC_CORRUPT_LONG to longer frames. */
void ec_decoder_init(ec_decoder* decoder, uint8_t* buffer, uint16_t capacity);

/* Forgets the frame in progress; counters stay. */
void ec_decoder_reset(ec_decoder* decoder);

/* Whether the next byte but a delimiter begins a frame. */
static inline bool ec_decoder_between(const ec_decoder* decoder) {
    return decoder->cobs.code == 0;
}

/* Uses bytes of data[0..length) up to and including the first delimiter that ends something, and
 * stores in *used how many. On EC_DECODED_FRAME, *frame's body points into the decoder's buffer
 * until the next call; on EC_DECODED_CORRUPT, *reason is set and counted. Lone delimiters are idle
 * line, not frames. `frame`, `reason` and `used` are not NULL. */
ec_decoded ec_decoder_feed(ec_decoder* decoder, const uint8_t* data, size_t length, size_t* used,
                           ec_frame* frame, ec_corrupt* reason);

#endif
