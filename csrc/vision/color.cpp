#include "vision/color.h"

#include <cmath>
#include <utility>

#include "vision/names.h"

namespace edgecore {

namespace {

constexpr const char* kChannelNames[] = {"rgb", "bgr", "gray"};

struct Primaries {
    double red;
    double blue;
    bool limited;
};

Primaries primaries_of(ColorSpace color) noexcept {
    switch (color) {
    case ColorSpace::bt601_limited:
        return {0.299, 0.114, true};
    case ColorSpace::bt601_full:
        return {0.299, 0.114, false};
    case ColorSpace::bt709_limited:
        return {0.2126, 0.0722, true};
    case ColorSpace::bt709_full:
        return {0.2126, 0.0722, false};
    }
    return {};
}

int16_t fixed(double value, int bits) noexcept {
    return static_cast<int16_t>(std::lrint(value * (1 << bits)));
}

} // namespace

bool parse(const char* name, ChannelOrder* out) noexcept {
    return find_name(kChannelNames, name, out);
}

ColorMatrix matrix_of(ColorSpace color, ChannelOrder order) noexcept {
    const Primaries primaries = primaries_of(color);
    const double luma = primaries.limited ? 255.0 / 219.0 : 1.0;
    const double chroma = primaries.limited ? 255.0 / 224.0 : 1.0;
    const double green = 1.0 - primaries.red - primaries.blue;
    const double red_v = 2.0 * (1.0 - primaries.red);
    const double blue_u = 2.0 * (1.0 - primaries.blue);
    constexpr int luma_bits = 15 + kColorBits - kSampleBits;
    constexpr int chroma_bits = luma_bits - 1; // chroma comes doubled
    ColorMatrix out{};
    out.black = static_cast<int16_t>((primaries.limited ? 16 : 0) << kSampleBits);
    out.luma = fixed(luma, luma_bits);
    out.first = fixed(red_v * chroma, chroma_bits);
    out.third = fixed(blue_u * chroma, chroma_bits);
    out.second[0] = fixed(-red_v * primaries.red / green * chroma, chroma_bits);
    out.second[1] = fixed(-blue_u * primaries.blue / green * chroma, chroma_bits);
    if (order == ChannelOrder::bgr) {
        std::swap(out.first, out.third);
        std::swap(out.second[0], out.second[1]);
    }
    out.weight[0] = fixed(primaries.red, 15);
    out.weight[2] = fixed(primaries.blue, 15);
    // The three add up to one but for the bit that an int16 lacks.
    out.weight[1] = static_cast<int16_t>(32768 - out.weight[0] - out.weight[2]);
    return out;
}

} // namespace edgecore
