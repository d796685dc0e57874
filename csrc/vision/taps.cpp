#include "vision/taps.h"

#include <algorithm>

#include "vision/names.h"

namespace edgecore {

namespace {

constexpr const char* kInterpolationNames[] = {"bilinear", "area", "nearest"};
constexpr const char* kChromaNames[] = {"bilinear", "nearest"};

RowTap clamped(int64_t first, int64_t weight, int low, int high) noexcept {
    constexpr int64_t one = 1 << kWeightBits;
    first += weight / one;
    weight %= one;
    if (first < low || first >= high || weight == 0) {
        const auto only = static_cast<int32_t>(std::clamp<int64_t>(first, low, high));
        return {only, only, 0};
    }
    return {static_cast<int32_t>(first), static_cast<int32_t>(first) + 1,
            static_cast<int16_t>(2 * weight)};
}

// Chroma of each pixel is that of the sample it belongs to.
RowTap shared_sample(RowTap tap, int group) noexcept {
    tap.first /= group;
    tap.second /= group;
    if (tap.first == tap.second)
        tap.weight = 0;
    return tap;
}

} // namespace

bool parse(const char* name, Interpolation* out) noexcept {
    return find_name(kInterpolationNames, name, out);
}
bool parse(const char* name, Chroma* out) noexcept {
    return find_name(kChromaNames, name, out);
}

void taps(const Axis& axis, int group, Interpolation interpolation, Chroma chroma,
          std::vector<RowTap>* out) {
    const int low = static_cast<int>(axis.from / kSubpixels);
    const int high = static_cast<int>((axis.to - 1) / kSubpixels);
    const bool shared = group > 1 && chroma == Chroma::nearest;
    const int grid = shared ? 1 : group;
    out->resize(axis.count);
    for (int i = 0; i < axis.count; ++i) {
        const int index = axis.begin + i;
        const int64_t place = axis.reversed ? axis.picture - 1 - index : index;
        // The pixel's centre lies at above / below pixels from the frame's edge.
        int64_t above = 2 * axis.picture * axis.from + (2 * place + 1) * (axis.to - axis.from);
        int64_t below = int64_t{2} * kSubpixels * axis.picture;
        if (interpolation == Interpolation::nearest) {
            above = 2 * (above / below) + 1;
            below = 2;
        }
        const int64_t numerator = 2 * above - grid * below; // of the position among sample centres
        const int64_t denominator = 2 * grid * below;
        int64_t first = numerator / denominator;
        if (numerator < first * denominator)
            --first;
        const int64_t rest = numerator - first * denominator;
        const int64_t weight = ((rest << (kWeightBits + 1)) + denominator) / (2 * denominator);
        const RowTap tap = clamped(first, weight, low / grid, high / grid);
        (*out)[i] = shared ? shared_sample(tap, group) : tap;
    }
}

} // namespace edgecore
