#ifndef EC_LINK_HKDF_H
#define EC_LINK_HKDF_H

/* HKDF with SHA-256 (RFC 5869): keys from one secret, other ones for every salt and info. */

#include "link/hmac.h"

#define EC_HKDF_MAX (255u * EC_SHA256_BYTES)

/* Fills out[0..length); false, and nothing stored, when length is over EC_HKDF_MAX. */
bool ec_hkdf(const uint8_t* secret, size_t secret_length, const uint8_t* salt, size_t salt_length,
             const uint8_t* info, size_t info_length, uint8_t* out, size_t length);

#endif
