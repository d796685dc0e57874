#ifndef EC_LINK_CRC32C_H
#define EC_LINK_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), reflected, initial value and final xor 0xFFFFFFFF.
 * Continue a running value with `crc`; start with 0. */
uint32_t ec_crc32c(uint32_t crc, const uint8_t* data, size_t length);

#endif
