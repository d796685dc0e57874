#ifndef EC_LINK_HMAC_H
#define EC_LINK_HMAC_H

/* HMAC-SHA256 (RFC 2104), with what depends on the key alone computed once, and the two things that
 * handle secrets: a comparison that takes the same time wherever two texts differ, and a wipe that
 * the compiler does not take away. */

#include "link/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A key as HMAC uses it: SHA-256's state after its inner and after its outer block. */
typedef struct {
    uint32_t inner[8], outer[8];
} ec_hmac_key;

void ec_hmac_key_init(ec_hmac_key* key, const uint8_t* bytes, size_t length);

typedef struct {
    const ec_hmac_key* key;
    ec_sha256 hash;
} ec_hmac;

/* `key` stays the caller's and outlives the computation. */
void ec_hmac_init(ec_hmac* hmac, const ec_hmac_key* key);
void ec_hmac_update(ec_hmac* hmac, const uint8_t* data, size_t length);

/* Stores the code and wipes the computation. */
void ec_hmac_final(ec_hmac* hmac, uint8_t code[EC_SHA256_BYTES]);

bool ec_secret_equal(const uint8_t* a, const uint8_t* b, size_t length);
void ec_secret_wipe(void* bytes, size_t length);

#endif
