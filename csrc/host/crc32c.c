/* CRC-32C by the processor's own instruction, where it has one: x86 since SSE4.2, ARMv8 as an
 * option. Takes the place of csrc/link/crc32c.c in host builds; the same function. */

#include "link/crc32c.h"

#include <string.h>

#define ec_crc32c ec_crc32c_portable
#include "link/crc32c.c"
#undef ec_crc32c

#if defined(__x86_64__)

#    include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t instruction(uint32_t crc, const uint8_t* data,
                                                              size_t length) {
    uint64_t sum = ~crc;
    for (; length >= 8; data += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        sum = _mm_crc32_u64(sum, word);
    }
    crc = (uint32_t)sum;
    for (; length != 0; data++, length--) {
        crc = _mm_crc32_u8(crc, *data);
    }
    return ~crc;
}

static int has_instruction(void) {
    return __builtin_cpu_supports("sse4.2");
}

#elif defined(__aarch64__) && defined(__linux__)

#    include <arm_acle.h>
#    include <sys/auxv.h>

#    ifndef HWCAP_CRC32
#        define HWCAP_CRC32 (1 << 7)
#    endif

__attribute__((target("+crc"))) static uint32_t instruction(uint32_t crc, const uint8_t* data,
                                                            size_t length) {
    crc = ~crc;
    for (; length >= 8; data += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        crc = __builtin_aarch64_crc32cx(crc, word);
    }
    for (; length != 0; data++, length--) {
        crc = __builtin_aarch64_crc32cb(crc, *data);
    }
    return ~crc;
}

static int has_instruction(void) {
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}

#else

#    define instruction ec_crc32c_portable

static int has_instruction(void) {
    return 0;
}

#endif

static int chosen; /* 0: not yet; several threads may choose, all the same */

uint32_t ec_crc32c(uint32_t crc, const uint8_t* data, size_t length) {
    int choice = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
    if (choice == 0) {
        choice = has_instruction() ? 1 : 2;
        __atomic_store_n(&chosen, choice, __ATOMIC_RELAXED);
    }
    return choice == 1 ? instruction(crc, data, length) : ec_crc32c_portable(crc, data, length);
}
