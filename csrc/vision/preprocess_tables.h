// What a preprocessing plan hands to the kernels: plain tables, no std types, owned by the plan.
//
// Fixed point, so that every instruction set gives the same bits:
//     tap weights  Q14  0..16383 of 16384, the share of the second tap
//     samples      Q7   0..32640, that is pixel levels times 128, in int16
//     colour       Q13  coefficients in int16, sums in int32
#ifndef EDGECORE_VISION_PREPROCESS_TABLES_H
#define EDGECORE_VISION_PREPROCESS_TABLES_H

#include <cstdint>

namespace edgecore {

constexpr int kWeightBits = 14;
constexpr int kSampleBits = 7;
constexpr int kColorBits = 13;

// Column tables are padded to a multiple of this many entries, by repeating the last one.
constexpr int kColumnPadding = 64;

enum class OutputType : uint8_t { uint8, int8, float32 };

// Taps of each output column: byte offsets in a source row, and the weight of the second one.
struct ColumnTaps {
    const int32_t* first;
    const int32_t* second;
    const int16_t* weight;
    bool blended; // false: every weight is 0
};

struct RowTap {
    int32_t first;
    int32_t second;
    int16_t weight;
};

struct ChannelSource {
    int plane;
    int offset; // of the first sample, bytes into the plane
};

// Channels of the source that share their taps: all of RGB, luma alone, both chroma channels.
struct SampleGroup {
    int channels;
    ChannelSource source[3];
    ColumnTaps columns;
    const RowTap* rows;
};

// sample = (y Y + u U + v V + bias) >> kColorBits, clamped.
struct ColorRow {
    int16_t y;
    int16_t u;
    int16_t v;
    int32_t bias;
};

enum class SourceKind : uint8_t { gray, rgb, yuv };

struct PreprocessTables {
    int width; // of the model input
    int height;
    int left; // of the picture within it
    int top;
    int picture_width;
    int picture_height;

    SourceKind kind;
    SampleGroup primary; // gray, rgb in output order, or luma
    SampleGroup chroma;  // u, v; yuv only

    ColorRow color[3]; // in output order; yuv only

    OutputType type;
    // value = clamp(sample * gain + offset, low, high), then for integers rounded to nearest, ties
    // to even, plus zero_point.
    float gain[3];
    float offset[3];
    float low;
    float high;
    int32_t zero_point;

    const uint8_t* pad_row; // one row of padding, width * 3 values of the output type
};

} // namespace edgecore

#endif
