#ifndef EC_FRAMES_PICTURE_H
#define EC_FRAMES_PICTURE_H

/* What a slot holds: where its planes lie, and what they mean. Written by the producer beside the
 * pixels; a reader takes it for hostile until ec_picture_fits has said that it is not. */

#include <stdbool.h>
#include <stdint.h>

#define EC_PLANES_MAX 3u
#define EC_SIDE_MAX 32768u
#define EC_FORMAT_BYTES 8u
#define EC_COLOR_BYTES 16u

typedef struct {
    uint64_t offset; /* of the first byte, in the slot */
    uint64_t bytes;
    uint32_t stride; /* bytes from row to row */
    uint32_t reserved;
} ec_picture_plane;

/* The names are those of edgecore.Frame ("nv12", "bt601-limited"), ended by a zero. */
typedef struct {
    int64_t timestamp_ns; /* of capture, CLOCK_MONOTONIC */
    uint32_t width, height;
    uint32_t planes;
    uint32_t reserved;
    char format[EC_FORMAT_BYTES];
    char color[EC_COLOR_BYTES];
    ec_picture_plane plane[EC_PLANES_MAX];
} ec_picture;

/* Whether its numbers are in range, its names end, and its planes lie within `slot_bytes`. */
bool ec_picture_fits(const ec_picture* picture, uint64_t slot_bytes);

#endif
