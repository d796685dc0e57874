#include "link/hkdf.h"

#ifndef EC_NO_AUTH

#    include <string.h>

bool ec_hkdf(const uint8_t* secret, size_t secret_length, const uint8_t* salt, size_t salt_length,
             const uint8_t* info, size_t info_length, uint8_t* out, size_t length) {
    uint8_t block[EC_SHA256_BYTES];
    ec_hmac_key key;
    ec_hmac hmac;
    if (length > EC_HKDF_MAX) {
        return false;
    }
    ec_hmac_key_init(&key, salt, salt_length);
    ec_hmac_init(&hmac, &key);
    ec_hmac_update(&hmac, secret, secret_length);
    ec_hmac_final(&hmac, block);
    ec_hmac_key_init(&key, block, sizeof block);
    uint8_t number = 1;
    for (size_t at = 0; at < length; number++) {
        size_t take = length - at < sizeof block ? length - at : sizeof block;
        ec_hmac_init(&hmac, &key);
        ec_hmac_update(&hmac, block, at == 0 ? 0 : sizeof block);
        ec_hmac_update(&hmac, info, info_length);
        ec_hmac_update(&hmac, &number, sizeof number);
        ec_hmac_final(&hmac, block);
        memcpy(out + at, block, take);
        at += take;
    }
    ec_secret_wipe(block, sizeof block);
    ec_secret_wipe(&key, sizeof key);
    return true;
}

#endif
