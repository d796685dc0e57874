#include "link/hmac.h"

#ifndef EC_NO_AUTH

#    include <string.h>

/* The state after one block of the key, each byte of it exclusive-or `pad`. */
static void absorb_pad(uint32_t state[8], const uint8_t block[EC_SHA256_BLOCK], uint8_t pad) {
    uint8_t padded[EC_SHA256_BLOCK];
    ec_sha256 hash;
    for (unsigned i = 0; i < sizeof padded; i++) {
        padded[i] = block[i] ^ pad;
    }
    ec_sha256_init(&hash);
    ec_sha256_update(&hash, padded, sizeof padded);
    memcpy(state, hash.state, sizeof hash.state);
    ec_secret_wipe(padded, sizeof padded);
    ec_secret_wipe(&hash, sizeof hash);
}

void ec_hmac_key_init(ec_hmac_key* key, const uint8_t* bytes, size_t length) {
    uint8_t block[EC_SHA256_BLOCK] = {0};
    if (length > sizeof block) {
        ec_sha256 hash;
        ec_sha256_init(&hash);
        ec_sha256_update(&hash, bytes, length);
        ec_sha256_final(&hash, block);
        ec_secret_wipe(&hash, sizeof hash);
    } else if (length != 0) {
        memcpy(block, bytes, length);
    }
    absorb_pad(key->inner, block, 0x36);
    absorb_pad(key->outer, block, 0x5c);
    ec_secret_wipe(block, sizeof block);
}

static void resume(ec_sha256* hash, const uint32_t state[8]) {
    memcpy(hash->state, state, sizeof hash->state);
    hash->length = EC_SHA256_BLOCK;
}

void ec_hmac_init(ec_hmac* hmac, const ec_hmac_key* key) {
    hmac->key = key;
    resume(&hmac->hash, key->inner);
}

void ec_hmac_update(ec_hmac* hmac, const uint8_t* data, size_t length) {
    ec_sha256_update(&hmac->hash, data, length);
}

void ec_hmac_final(ec_hmac* hmac, uint8_t code[EC_SHA256_BYTES]) {
    uint8_t inner[EC_SHA256_BYTES];
    ec_sha256_final(&hmac->hash, inner);
    resume(&hmac->hash, hmac->key->outer);
    ec_sha256_update(&hmac->hash, inner, sizeof inner);
    ec_sha256_final(&hmac->hash, code);
    ec_secret_wipe(inner, sizeof inner);
    ec_secret_wipe(hmac, sizeof *hmac);
}

bool ec_secret_equal(const uint8_t* a, const uint8_t* b, size_t length) {
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < length; i++) {
        difference = (uint8_t)(difference | (a[i] ^ b[i]));
    }
    return difference == 0;
}

void ec_secret_wipe(void* bytes, size_t length) {
    volatile uint8_t* byte = bytes;
    for (size_t i = 0; i < length; i++) {
        byte[i] = 0;
    }
}

#endif
