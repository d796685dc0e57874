/* csrc/link's hmac and hkdf by themselves, for tests/link/test_hmac.py. Arguments are in hex, "-"
 * for none; each is copied into memory of exactly its size, so that a sanitizer sees one byte more.
 *
 *     authenticating hmac KEY DATA STEP          data is fed STEP bytes at a time
 *     authenticating hkdf SECRET SALT INFO LENGTH
 *     authenticating equal A B
 */

#include "link/hkdf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t* data;
    size_t length;
} bytes;

static bytes unhex(const char* text) {
    bytes made = {NULL, strcmp(text, "-") == 0 ? 0 : strlen(text) / 2};
    made.data = malloc(made.length != 0 ? made.length : 1);
    for (size_t i = 0; i < made.length; i++) {
        unsigned value = 0;
        if (sscanf(text + 2 * i, "%2x", &value) != 1)
            exit(2);
        made.data[i] = (uint8_t)value;
    }
    return made;
}

static void print(const uint8_t* data, size_t length) {
    for (size_t i = 0; i < length; i++)
        printf("%02x", data[i]);
}

static void hmac(bytes key, bytes data, size_t step) {
    uint8_t code[EC_SHA256_BYTES];
    ec_hmac_key prepared;
    ec_hmac computation;
    ec_hmac_key_init(&prepared, key.data, key.length);
    ec_hmac_init(&computation, &prepared);
    for (size_t at = 0; at < data.length; at += step)
        ec_hmac_update(&computation, data.data + at,
                       data.length - at < step ? data.length - at : step);
    ec_hmac_final(&computation, code);
    print(code, sizeof code);
}

int main(int argc, char** argv) {
    if (argc < 4)
        return 2;
    bytes first = unhex(argv[2]), second = unhex(argv[3]), third = {NULL, 0};
    if (strcmp(argv[1], "hmac") == 0 && argc == 5) {
        hmac(first, second, strtoul(argv[4], NULL, 10));
    } else if (strcmp(argv[1], "hkdf") == 0 && argc == 6) {
        third = unhex(argv[4]);
        size_t length = strtoul(argv[5], NULL, 10);
        uint8_t* out = malloc(length != 0 ? length : 1);
        if (ec_hkdf(first.data, first.length, second.data, second.length, third.data, third.length,
                    out, length))
            print(out, length);
        else
            printf("too long");
        free(out);
    } else if (strcmp(argv[1], "equal") == 0 && first.length == second.length) {
        printf("%d", ec_secret_equal(first.data, second.data, first.length));
    } else {
        return 2;
    }
    free(first.data);
    free(second.data);
    free(third.data);
    return 0;
}
