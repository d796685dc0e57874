#ifndef EC_LINK_SHA256_H
#define EC_LINK_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* SHA-256 (FIPS 180-4, section 6.2), in pieces of any size. */

#define EC_SHA256_BYTES 32u
#define EC_SHA256_BLOCK 64u

typedef struct {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    union {
        uint8_t bytes[EC_SHA256_BLOCK];
        uint32_t
            words[EC_SHA256_BLOCK / 4]; /* its schedule, made in place: wiping this wipes that */
    } block;
} ec_sha256;

void ec_sha256_init(ec_sha256* hash);
void ec_sha256_update(ec_sha256* hash, const uint8_t* data, size_t length);

/* Writes the digest and leaves `hash` used up; init begins another. */
void ec_sha256_final(ec_sha256* hash, uint8_t digest[EC_SHA256_BYTES]);

#endif
