// exp and sigmoid in float32, the same bits on every machine: additions and multiplications only,
// none fused. Bounds stand in docs/numerics.md.
#ifndef EDGECORE_VISION_ELEMENTARY_H
#define EDGECORE_VISION_ELEMENTARY_H

#include <cstdint>
#include <cstring>
#include <limits>

namespace edgecore {

// Below -87.33, where results would be subnormal, 0; above 88.72 infinity; NaN stays.
inline float exponential(float x) noexcept {
    if (!(x >= -87.33f))
        return x < 0.0f ? 0.0f : x;
    if (x > 88.72f)
        return std::numeric_limits<float>::infinity();
    // x = n ln 2 + r with |r| <= ln 2 / 2; adding 1.5 * 2^23 rounds n to an integer.
    const float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float series = 0.0013814461f;
    series = series * r + 0.008368781f;
    series = series * r + 0.041668393f;
    series = series * r + 0.1666652f;
    series = series * r + 0.49999994f;
    const float mantissa = series * (r * r) + r + 1.0f;
    // In two steps, as 2^128 is no float.
    const auto power = static_cast<std::int32_t>(n);
    const std::int32_t half = power / 2;
    const std::int32_t bits[] = {(half + 127) << 23, (power - half + 127) << 23};
    float factor[2];
    std::memcpy(factor, bits, sizeof factor);
    return mantissa * factor[0] * factor[1];
}

inline float sigmoid(float x) noexcept {
    const float small = exponential(x < 0.0f ? x : -x);
    return x < 0.0f ? small / (1.0f + small) : 1.0f / (1.0f + small);
}

// A number below every x whose sigmoid is at least `threshold`, and close to the largest such one.
float below_logit(float threshold) noexcept;

} // namespace edgecore

#endif
