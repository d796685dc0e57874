#include "link/sha256.h"

#include <string.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* The same of the square roots of the first 8. */
static const uint32_t initial_state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static uint32_t rotate(uint32_t x, unsigned count) {
    return x >> count | x << (32u - count);
}

/* The message schedule, kept to its last 16 words: w[t] follows from w[t - 16 .. t - 2]. */
static uint32_t next_word(uint32_t* w, unsigned t) {
    uint32_t a = w[(t + 1u) & 15u], b = w[(t + 14u) & 15u];
    uint32_t s0 = rotate(a, 7) ^ rotate(a, 18) ^ a >> 3;
    uint32_t s1 = rotate(b, 17) ^ rotate(b, 19) ^ b >> 10;
    return w[t & 15u] += s0 + w[(t + 9u) & 15u] + s1;
}

/* Uses the block up. */
static void absorb(ec_sha256* hash) {
    uint32_t *w = hash->block.words, s[8];
    for (unsigned i = 0; i < 16; i++) {
        const uint8_t* b = hash->block.bytes + 4u * i;
        w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    memcpy(s, hash->state, sizeof s);
    for (unsigned t = 0; t < 64; t++) {
        uint32_t word = t < 16 ? w[t] : next_word(w, t);
        uint32_t a = s[0], e = s[4];
        uint32_t choice = (e & s[5]) ^ (~e & s[6]);
        uint32_t majority = (a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]);
        uint32_t t1 = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + choice +
                      round_constants[t] + word;
        uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + majority;
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++) {
        hash->state[i] += s[i];
    }
}

void ec_sha256_init(ec_sha256* hash) {
    memcpy(hash->state, initial_state, sizeof hash->state);
    hash->length = 0;
}

void ec_sha256_update(ec_sha256* hash, const uint8_t* data, size_t length) {
    while (length > 0) {
        size_t used = (size_t)(hash->length % EC_SHA256_BLOCK), take = EC_SHA256_BLOCK - used;
        take = length < take ? length : take;
        memcpy(hash->block.bytes + used, data, take);
        hash->length += take;
        data += take;
        length -= take;
        if (used + take == EC_SHA256_BLOCK) {
            absorb(hash);
        }
    }
}

/* A one bit, zeros up to the last eight bytes of a block, and the length in bits there. */
void ec_sha256_final(ec_sha256* hash, uint8_t digest[EC_SHA256_BYTES]) {
    static const uint8_t padding[EC_SHA256_BLOCK] = {0x80};
    uint64_t bits = hash->length * 8u;
    uint8_t end[8];
    for (unsigned i = 0; i < 8; i++) {
        end[i] = (uint8_t)(bits >> (56u - 8u * i));
    }
    size_t used = (size_t)(hash->length % EC_SHA256_BLOCK);
    ec_sha256_update(hash, padding, (used < 56 ? 56u : 56u + EC_SHA256_BLOCK) - used);
    ec_sha256_update(hash, end, sizeof end);
    for (unsigned i = 0; i < EC_SHA256_BYTES; i++) {
        digest[i] = (uint8_t)(hash->state[i / 4] >> (24u - 8u * (i % 4)));
    }
}
