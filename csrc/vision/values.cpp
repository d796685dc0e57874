#include "vision/values.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "vision/half.h"
#include "vision/names.h"

namespace edgecore {

namespace {

constexpr const char* kTypeNames[] = {"uint8", "int8", "float32", "float16"};

bool is_float(OutputType type) noexcept {
    return type == OutputType::float32 || type == OutputType::float16;
}

// Scales as models carry them, 1/255 in float32, are steps of one level but for this.
constexpr double kSameStep = 1.0 / (1 << 20);

double step_of(const ValueOptions& options, int channel) noexcept {
    const double step = options.std[channel] * options.scale;
    return !is_float(options.type) && std::abs(step - 1.0) < kSameStep ? 1.0 : step;
}

// So small that no result is subnormal, which not every processor has: these are zero.
float normal(double value) noexcept {
    return std::abs(value) < std::ldexp(1.0, -80) ? 0.0f : static_cast<float>(value);
}

} // namespace

bool parse(const char* name, OutputType* out) noexcept {
    return find_name(kTypeNames, name, out);
}

size_t size_of(OutputType type) noexcept {
    switch (type) {
    case OutputType::float32:
        return 4;
    case OutputType::float16:
        return 2;
    default:
        return 1;
    }
}

void lay_out_values(const ValueOptions& options, int bits, PreprocessTables* out) noexcept {
    out->type = options.type;
    out->zero_point = options.zero_point;
    out->low = -std::numeric_limits<float>::infinity();
    out->high = std::numeric_limits<float>::infinity();
    const int lowest = options.type == OutputType::int8 ? -128 : 0;
    if (!is_float(options.type)) {
        out->low = static_cast<float>(lowest - options.zero_point);
        out->high = static_cast<float>(lowest + 255 - options.zero_point);
    }
    out->unit = !is_float(options.type);
    out->flip = options.type == OutputType::int8 ? 0x80 : 0;
    float gain[kMaxLines] = {}, offset[kMaxLines] = {};
    for (int c = 0; c < out->channels; ++c) {
        const double step = step_of(options, c);
        gain[c] = normal(1.0 / (step * (1 << bits)));
        offset[c] = normal(-options.mean[c] / step);
        out->unit &= step == 1.0 && options.zero_point - options.mean[c] == lowest;
    }
    for (int line = 0; line < (out->planar ? out->channels : 1); ++line) {
        for (int i = 0, c = out->planar ? line : 0; i < 3 * kColumnPadding; ++i) {
            out->scaling[line].gain[i] = gain[c];
            out->scaling[line].offset[i] = offset[c];
            if (!out->planar)
                c = c + 1 < out->channels ? c + 1 : 0;
        }
    }
}

void lay_out_padding(const ValueOptions& options, int bits, PreprocessTables* out) noexcept {
    const auto size = static_cast<int>(size_of(options.type));
    const int step = size * (out->planar ? 1 : out->channels);
    for (int c = 0; c < out->channels; ++c) {
        const Scaling& scaling = out->scaling[out->planar ? c : 0];
        const int lane = out->planar ? 0 : c;
        const float level = static_cast<float>(options.pad_value << bits);
        const float value =
            std::clamp(level * scaling.gain[lane] + scaling.offset[lane], out->low, out->high);
        uint8_t bytes[4];
        if (options.type == OutputType::float32) {
            std::memcpy(bytes, &value, 4);
        } else if (options.type == OutputType::float16) {
            const uint16_t half = to_half(value);
            std::memcpy(bytes, &half, 2);
        } else {
            bytes[0] =
                static_cast<uint8_t>(static_cast<int>(std::nearbyint(value)) + options.zero_point);
        }
        for (int at = out->planar ? 0 : c * size; at < kPaddingTable; at += step)
            std::memcpy(out->padding[out->planar ? c : 0] + at, bytes, size);
    }
}

} // namespace edgecore
