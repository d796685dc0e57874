/* csrc/link/sha256 by itself, for tests/link/test_sha256.py: digest STEP, of all of stdin, fed STEP
 * bytes at a time; prints the digest. */

#include "link/sha256.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
    size_t step = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, length;
    if (step == 0)
        return 2;
    uint8_t* piece = malloc(step); /* exactly, so that a sanitizer sees one byte more */
    uint8_t digest[EC_SHA256_BYTES];
    ec_sha256 hash;
    ec_sha256_init(&hash);
    while ((length = fread(piece, 1, step, stdin)) > 0)
        ec_sha256_update(&hash, piece, length);
    ec_sha256_final(&hash, digest);
    free(piece);
    for (unsigned i = 0; i < sizeof digest; i++)
        printf("%02x", digest[i]);
    return 0;
}
