#include "link/bulk.h"
#include "link/parts.h"

#include <string.h>

enum {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_LENGTH = 8,
    AT_NAME = 12,
    AT_DIGEST = 28,
    AT_SIGNATURE = 60
};

bool ec_manifest_read(ec_manifest* manifest, const uint8_t bytes[EC_MANIFEST_BYTES]) {
    manifest->version = ec_get_u32(bytes + AT_VERSION);
    manifest->length = ec_get_u32(bytes + AT_LENGTH);
    memcpy(manifest->name, bytes + AT_NAME, sizeof manifest->name);
    memcpy(manifest->digest, bytes + AT_DIGEST, sizeof manifest->digest);
    memcpy(manifest->signature, bytes + AT_SIGNATURE, sizeof manifest->signature);
    return ec_get_u32(bytes + AT_MAGIC) == EC_MANIFEST_MAGIC && manifest->length != 0;
}

bool ec_manifest_named(const ec_manifest* manifest, const char* name) {
    char padded[EC_MANIFEST_NAME] = {0};
    size_t length = strlen(name);
    if (length > sizeof padded) {
        return false;
    }
    memcpy(padded, name, length);
    return memcmp(padded, manifest->name, sizeof padded) == 0;
}
