// float16 by integer arithmetic, for processors and compilers that have none.
#ifndef EDGECORE_VISION_HALF_H
#define EDGECORE_VISION_HALF_H

#include <cstdint>

namespace edgecore {

// Rounded to nearest, ties to even; beyond 65504 infinity. Not for NaN.
inline uint16_t to_half(float value) noexcept {
    uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000;
    const uint32_t magnitude = bits & 0x7FFFFFFF;
    if (magnitude >= 0x477FF000) // rounds to 65536 or more
        return static_cast<uint16_t>(sign | 0x7C00);
    if (magnitude < 0x38800000) { // below 2^-14: subnormal, a multiple of 2^-24
        // Adding 0.5 leaves that multiple, rounded to nearest even, in the low bits.
        float small;
        __builtin_memcpy(&small, &magnitude, sizeof small);
        small += 0.5f;
        uint32_t rounded;
        __builtin_memcpy(&rounded, &small, sizeof rounded);
        return static_cast<uint16_t>(sign | (rounded - 0x3F000000));
    }
    const uint32_t even = magnitude >> 13 & 1;
    return static_cast<uint16_t>(sign | ((magnitude - 0x38000000 + 0xFFF + even) >> 13));
}

} // namespace edgecore

#endif
