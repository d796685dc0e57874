#include "vision/preprocess.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "vision/dispatch.h"
#include "vision/names.h"

namespace edgecore {

namespace {

constexpr const char* kFitNames[] = {"letterbox", "stretch"};
constexpr const char* kAnchorNames[] = {"center", "top-left"};
constexpr const char* kInterpolationNames[] = {"bilinear", "nearest"};
constexpr const char* kChromaNames[] = {"bilinear", "nearest"};
constexpr const char* kChannelNames[] = {"rgb", "bgr"};
constexpr const char* kTypeNames[] = {"uint8", "int8", "float32"};

// Where a format keeps its channels: r g b, or y u v, or gray alone.
struct Layout {
    SourceKind kind;
    int step;        // bytes from a pixel to the next one
    int chroma_step; // the same for chroma samples
    bool half_rows;  // chroma has half the rows, not only half the columns
    ChannelSource channel[3];
};

Layout layout_of(PixelFormat format) noexcept {
    switch (format) {
    case PixelFormat::rgb:
        return {SourceKind::rgb, 3, 0, false, {{0, 0}, {0, 1}, {0, 2}}};
    case PixelFormat::bgr:
        return {SourceKind::rgb, 3, 0, false, {{0, 2}, {0, 1}, {0, 0}}};
    case PixelFormat::rgba:
        return {SourceKind::rgb, 4, 0, false, {{0, 0}, {0, 1}, {0, 2}}};
    case PixelFormat::bgra:
        return {SourceKind::rgb, 4, 0, false, {{0, 2}, {0, 1}, {0, 0}}};
    case PixelFormat::gray:
        return {SourceKind::gray, 1, 0, false, {{0, 0}, {0, 0}, {0, 0}}};
    case PixelFormat::nv12:
        return {SourceKind::yuv, 1, 2, true, {{0, 0}, {1, 0}, {1, 1}}};
    case PixelFormat::nv21:
        return {SourceKind::yuv, 1, 2, true, {{0, 0}, {1, 1}, {1, 0}}};
    case PixelFormat::i420:
        return {SourceKind::yuv, 1, 1, true, {{0, 0}, {1, 0}, {2, 0}}};
    case PixelFormat::yuyv:
        return {SourceKind::yuv, 2, 4, false, {{0, 0}, {0, 1}, {0, 3}}};
    case PixelFormat::uyvy:
        return {SourceKind::yuv, 2, 4, false, {{0, 1}, {0, 0}, {0, 2}}};
    }
    return {};
}

RowTap clamped(int64_t first, int64_t weight, int last) noexcept {
    constexpr int64_t one = 1 << kWeightBits;
    first += weight / one;
    weight %= one;
    if (first < 0)
        return {0, 0, 0};
    if (first >= last || weight == 0) {
        const int32_t only = static_cast<int32_t>(std::min<int64_t>(first, last));
        return {only, only, 0};
    }
    return {static_cast<int32_t>(first), static_cast<int32_t>(first) + 1,
            static_cast<int16_t>(weight)};
}

// Taps of output pixel `index` of `picture` in a row or column of `size` pixels whose samples
// stand for `group` pixels each. Half-pixel centres, in exact fractions: the pixel's centre lies at
// above / below of the way from the first pixel's outer edge.
RowTap tap_at(int index, int picture, int size, int group, Interpolation interpolation) noexcept {
    int64_t above = (int64_t{2} * index + 1) * size;
    int64_t below = int64_t{2} * picture;
    if (interpolation == Interpolation::nearest) {
        above = 2 * (above / below) + 1;
        below = 2;
    }
    const int64_t numerator = 2 * above - group * below; // of the position among sample centres
    const int64_t denominator = 2 * group * below;
    int64_t first = numerator / denominator;
    if (numerator < first * denominator)
        --first;
    const int64_t rest = numerator - first * denominator;
    const int64_t weight = ((rest << (kWeightBits + 1)) + denominator) / (2 * denominator);
    return clamped(first, weight, (size + group - 1) / group - 1);
}

// Chroma of each pixel is that of the sample it belongs to.
RowTap shared_sample(RowTap tap, int group) noexcept {
    tap.first /= group;
    tap.second /= group;
    if (tap.first == tap.second)
        tap.weight = 0;
    return tap;
}

std::vector<RowTap> taps(int picture, int size, int group, const PreprocessOptions& options) {
    std::vector<RowTap> out;
    out.reserve(picture);
    for (int i = 0; i < picture; ++i) {
        if (group > 1 && options.chroma == Chroma::nearest)
            out.push_back(shared_sample(tap_at(i, picture, size, 1, options.interpolation), group));
        else
            out.push_back(tap_at(i, picture, size, group, options.interpolation));
    }
    return out;
}

size_t size_of(OutputType type) noexcept {
    return type == OutputType::float32 ? 4 : 1;
}

struct ColorWeights {
    double red;
    double blue;
    bool limited;
};

ColorWeights weights_of(ColorSpace color) noexcept {
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

int16_t fixed_color(double coefficient) noexcept {
    return static_cast<int16_t>(std::lrint(coefficient * (1 << kColorBits)));
}

} // namespace

bool parse(const char* name, Fit* out) noexcept {
    return find_name(kFitNames, name, out);
}
bool parse(const char* name, Anchor* out) noexcept {
    return find_name(kAnchorNames, name, out);
}
bool parse(const char* name, Interpolation* out) noexcept {
    return find_name(kInterpolationNames, name, out);
}
bool parse(const char* name, Chroma* out) noexcept {
    return find_name(kChromaNames, name, out);
}
bool parse(const char* name, ChannelOrder* out) noexcept {
    return find_name(kChannelNames, name, out);
}
bool parse(const char* name, OutputType* out) noexcept {
    return find_name(kTypeNames, name, out);
}

PreprocessPlan::PreprocessPlan(const FrameGeometry& frame, const PreprocessOptions& options)
    : frame_(frame), placement_(), tables_() {
    place(options);
    lay_out_source(options);
    lay_out_colors(options);
    lay_out_values(options);
}

// As Ultralytics' LetterBox: round half to even, and the odd pixel of padding goes right and below.
void PreprocessPlan::place(const PreprocessOptions& options) {
    placement_ = {0, 0, options.width, options.height};
    if (options.fit == Fit::letterbox) {
        const double ratio = std::min(static_cast<double>(options.height) / frame_.height,
                                      static_cast<double>(options.width) / frame_.width);
        const auto side = [ratio](int from, int limit) {
            return std::clamp(static_cast<int>(std::lrint(from * ratio)), 1, limit);
        };
        placement_.width = side(frame_.width, options.width);
        placement_.height = side(frame_.height, options.height);
        if (options.anchor == Anchor::center) {
            placement_.left = (options.width - placement_.width) / 2;
            placement_.top = (options.height - placement_.height) / 2;
        }
    }
    tables_.width = options.width;
    tables_.height = options.height;
    tables_.left = placement_.left;
    tables_.top = placement_.top;
    tables_.picture_width = placement_.width;
    tables_.picture_height = placement_.height;
}

void PreprocessPlan::lay_out_taps(int index, int step, int group_x, int group_y,
                                  const PreprocessOptions& options, SampleGroup* out) {
    const std::vector<RowTap> columns = taps(placement_.width, frame_.width, group_x, options);
    const size_t padded = (columns.size() + kColumnPadding - 1) / kColumnPadding * kColumnPadding;
    Taps& own = taps_[index];
    for (size_t x = 0; x < padded; ++x) {
        const RowTap& tap = columns[std::min(x, columns.size() - 1)];
        own.first.push_back(tap.first * step);
        own.second.push_back(tap.second * step);
        own.weight.push_back(tap.weight);
        out->columns.blended |= tap.weight != 0;
    }
    own.rows = taps(placement_.height, frame_.height, group_y, options);
    out->columns.first = own.first.data();
    out->columns.second = own.second.data();
    out->columns.weight = own.weight.data();
    out->rows = own.rows.data();
}

void PreprocessPlan::lay_out_source(const PreprocessOptions& options) {
    const Layout layout = layout_of(frame_.format);
    const bool reversed = options.channels == ChannelOrder::bgr;
    tables_.kind = layout.kind;
    tables_.primary.channels = layout.kind == SourceKind::rgb ? 3 : 1;
    for (int c = 0; c < tables_.primary.channels; ++c) {
        const int from = layout.kind == SourceKind::rgb && reversed ? 2 - c : c;
        tables_.primary.source[c] = layout.channel[from];
    }
    lay_out_taps(0, layout.step, 1, 1, options, &tables_.primary);
    if (layout.kind != SourceKind::yuv)
        return;
    tables_.chroma.channels = 2;
    tables_.chroma.source[0] = layout.channel[1];
    tables_.chroma.source[1] = layout.channel[2];
    lay_out_taps(1, layout.chroma_step, 2, layout.half_rows ? 2 : 1, options, &tables_.chroma);
}

void PreprocessPlan::lay_out_colors(const PreprocessOptions& options) {
    const ColorWeights weights = weights_of(frame_.color);
    const double luma = weights.limited ? 255.0 / 219.0 : 1.0;
    const double chroma = weights.limited ? 255.0 / 224.0 : 1.0;
    const double green = 1.0 - weights.red - weights.blue;
    const double red_v = 2.0 * (1.0 - weights.red);
    const double blue_u = 2.0 * (1.0 - weights.blue);
    const double rows[3][2] = {
        {0.0, red_v * chroma},
        {-blue_u * weights.blue / green * chroma, -red_v * weights.red / green * chroma},
        {blue_u * chroma, 0.0}};
    const int32_t black = weights.limited ? 16 : 0;
    for (int c = 0; c < 3; ++c) {
        const double* row = rows[options.channels == ChannelOrder::bgr ? 2 - c : c];
        ColorRow& out = tables_.color[c];
        out.y = fixed_color(luma);
        out.u = fixed_color(row[0]);
        out.v = fixed_color(row[1]);
        out.bias =
            (1 << (kColorBits - 1)) - (black * out.y + 128 * (out.u + out.v)) * (1 << kSampleBits);
    }
}

void PreprocessPlan::lay_out_values(const PreprocessOptions& options) {
    tables_.type = options.type;
    tables_.zero_point = options.zero_point;
    tables_.low = -std::numeric_limits<float>::infinity();
    tables_.high = std::numeric_limits<float>::infinity();
    if (options.type != OutputType::float32) {
        const int lowest = options.type == OutputType::int8 ? -128 : 0;
        tables_.low = static_cast<float>(lowest - options.zero_point);
        tables_.high = static_cast<float>(lowest + 255 - options.zero_point);
    }
    const size_t size = size_of(options.type);
    pad_row_.resize(size * 3 * options.width);
    for (int c = 0; c < 3; ++c) {
        const double step = options.std[c] * options.scale;
        tables_.gain[c] = static_cast<float>(1.0 / (step * (1 << kSampleBits)));
        tables_.offset[c] = static_cast<float>(-options.mean[c] / step);
        const float level = static_cast<float>(options.pad_value << kSampleBits);
        const float pad =
            std::clamp(level * tables_.gain[c] + tables_.offset[c], tables_.low, tables_.high);
        const auto rounded =
            static_cast<uint8_t>(options.type == OutputType::float32
                                     ? 0
                                     : static_cast<int>(std::nearbyint(pad)) + options.zero_point);
        for (int x = 0; x < options.width; ++x) {
            uint8_t* const out = pad_row_.data() + (size_t{3} * x + c) * size;
            if (options.type == OutputType::float32)
                std::memcpy(out, &pad, sizeof pad);
            else
                *out = rounded;
        }
    }
    tables_.pad_row = pad_row_.data();
}

Status PreprocessPlan::run(const FrameView& frame, void* out, size_t bytes) const noexcept {
    if (frame.planes != plane_count(frame_.format))
        return Status::wrong_planes;
    for (int i = 0; i < frame.planes; ++i) {
        const PlaneShape shape = plane_shape(frame_, i);
        if (frame.plane[i].rows != shape.rows || frame.plane[i].row_bytes != shape.row_bytes())
            return Status::wrong_planes;
    }
    if (bytes != pad_row_.size() * tables_.height)
        return Status::wrong_output;
    active_kernels().preprocess(tables_, frame, static_cast<uint8_t*>(out));
    return Status::ok;
}

} // namespace edgecore
