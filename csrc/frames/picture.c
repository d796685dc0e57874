#include "frames/picture.h"

#include <string.h>

static bool side_fits(uint32_t side) {
    return side >= 1 && side <= EC_SIDE_MAX;
}

bool ec_picture_fits(const ec_picture* picture, uint64_t slot_bytes) {
    if (!side_fits(picture->width) || !side_fits(picture->height) || picture->planes == 0 ||
        picture->planes > EC_PLANES_MAX || !memchr(picture->format, 0, EC_FORMAT_BYTES) ||
        !memchr(picture->color, 0, EC_COLOR_BYTES)) {
        return false;
    }
    for (uint32_t i = 0; i < picture->planes; i++) {
        const ec_picture_plane* plane = &picture->plane[i];
        if (plane->offset > slot_bytes || plane->bytes > slot_bytes - plane->offset) {
            return false;
        }
    }
    return true;
}
