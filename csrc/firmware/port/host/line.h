#ifndef EC_FIRMWARE_HOST_LINE_H
#define EC_FIRMWARE_HOST_LINE_H

/* One direction of a bad line in virtual time. It works on the bytes of the wire and knows nothing
 * of frames: it flips bits, swallows and repeats runs of bytes, and delays all of it. The same seed
 * and the same calls give the same line. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EC_LINE_BYTES 65536u
#define EC_LINE_BURSTS 1024u

typedef struct {
    double bit_error;     /* probability per bit */
    double drop;          /* per burst: probability that a run of its bytes is lost */
    double duplicate;     /* per burst: probability that a run of its bytes comes twice */
    uint32_t delay_us;    /* the least time a byte is under way */
    uint32_t jitter_us;   /* up to so much more; order is kept */
    uint32_t bytes_per_s; /* pace of the line; 0 for no limit */
    uint64_t seed;
} ec_line_faults;

typedef struct {
    uint64_t bytes_in, bytes_out;
    uint64_t bits_flipped, bytes_dropped, bytes_repeated;
    uint64_t bytes_overrun; /* lost because the line held all it can */
} ec_line_counts;

typedef struct {
    uint64_t arrives_us;
    uint32_t length;
} ec_burst;

typedef struct {
    ec_line_faults faults;
    ec_line_counts counts;
    double intact_byte; /* probability that no bit of a byte is flipped */
    uint64_t random, free_us, last_us;
    uint32_t burst_head, bursts, byte_head, bytes;
    ec_burst burst[EC_LINE_BURSTS];
    uint8_t data[EC_LINE_BYTES];
} ec_line;

/* Probabilities lie in [0, 1]; the caller checks. */
void ec_line_init(ec_line* line, const ec_line_faults* faults);

/* Sends one burst. */
void ec_line_send(ec_line* line, uint64_t now_us, const uint8_t* data, size_t length);

/* Takes bytes that have arrived by now; returns how many. */
size_t ec_line_receive(ec_line* line, uint64_t now_us, uint8_t* data, size_t capacity);

/* When all that was sent has left, at the line's pace. */
uint64_t ec_line_free_us(const ec_line* line);

/* When the next byte arrives; UINT64_MAX when none is under way. */
uint64_t ec_line_next_us(const ec_line* line);

#endif
