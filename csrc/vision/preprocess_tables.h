// What a preprocessing plan hands to the kernels: plain tables, no std types, owned by the plan.
//
// Fixed point, so that every instruction set gives the same bits:
//     tap weights  Q15  the share of the second tap, even numbers: Q14 doubled
//     samples      Q7   0..32767, that is pixel levels times 128, in int16
//     pixels       Q7   as sampled, or Q6 after a colour matrix
#ifndef EDGECORE_VISION_PREPROCESS_TABLES_H
#define EDGECORE_VISION_PREPROCESS_TABLES_H

#include <cstddef>
#include <cstdint>

namespace edgecore {

constexpr int kWeightBits = 14;
constexpr int kSampleBits = 7;
constexpr int kColorBits = 6;

// Tables are padded to whole blocks of this many columns by repeating the last one, so that kernels
// of any width read whole blocks of one or three lanes a column.
constexpr int kColumnPadding = 64;
constexpr int kStripColumns = 1024; // of the picture, at most, that are done together

// A multiple of every size that one or three channels of a pixel can have.
constexpr int kPaddingBytes = 192;
constexpr int kCacheLine = 64;
constexpr int kPaddingTable = kPaddingBytes + kCacheLine;
constexpr int kMaxLines = 3;

// How a kernel fetches bytes: windows of the row, loaded whole, then permuted. 0 lanes: it does
// not.
struct WindowShape {
    int lanes;     // lanes of a block
    int bytes;     // of a window
    int together;  // neighbouring blocks permuted by one instruction
    bool paired;   // the two taps alternate, or all first taps come before all second ones
    bool bytewise; // places of words are those of their bytes
    bool joined;   // two windows have one permutation, which takes them as one
};

// How each lane of a line of samples is read from a row: two bytes and the weight of the second.
struct LineTable {
    const int32_t* first; // byte offsets
    const int32_t* second;
    const int16_t* weight;

    // The same for the kernels' windows; windows == 0 where the row is narrower than a window. For
    // each block of lanes the place of its pattern, then where each of its windows begins in the
    // row. A pattern has
    //   weights of the second taps; where windows are `paired`, in two signed bytes for each lane:
    //     128 - h, h, and then, with `fine_weights`, what h lacks: -l, l with Q14 weight = 128 h +
    //     l; second tap equal to the first where the weight is 0
    //   for each byte wanted its place in the window, 0x80 for one that another window has; window
    //     after window, or, where windows are `joined`, for each two of them, and then with 0x80
    //     added to the places of the bytes that they have
    int windows;
    bool fine_weights; // of no line of the frame, or of all, if some l is not 0
    const int32_t* places;
    const uint8_t* patterns;
};

// Of one block of lanes.
struct Taps {
    const uint8_t* pattern;
    const int32_t* start;
    int windows;
};

struct RowTap {
    int32_t first;
    int32_t second;
    int16_t weight;
};

// Bytes of a row whose sums are held at a time, and how far windows may reach beyond them. Where a
// block needs more windows, they cost more than sums one by one.
constexpr int kAreaBytes = 16384;
constexpr int kMostAreaWindows = 8;
constexpr int kAreaReach = kMostAreaWindows * 64;

// Rows an output row covers: `whole` of them, and shares of the one before and the one after, 0
// where there is none.
struct AreaRow {
    int32_t first;
    int32_t whole;
    int16_t head;
    int16_t tail;

    int count() const noexcept { return whole + (head != 0) + (tail != 0); }
};

// How a line's sums of rows lie: one a byte; those of bytes at even places apart from those at odd
// ones, or by the rest of their place modulo 4; or one for every two bytes.
enum class SumOrder : uint8_t { bytes, halves, quarters, pairs };

// Sums of a row's bytes, of which `word` holds those from a place of its own on; found by the place
// in the whole row, `shift` words away.
struct SumRow {
    const int16_t* word;
    ptrdiff_t shift;

    const int16_t* operator+(ptrdiff_t place) const noexcept { return word + (shift + place); }
};

// Sums over rows and columns instead of taps. Rows: Q `row_bits` in int16, shares Q 8 finer.
// Columns: shares Q `column_bits`, sums in int32. wide: both sums in int64, all shares as coarse,
// and columns are counted in bytes of the row; otherwise in sums as they lie.
struct AreaTable {
    bool wide;
    SumOrder order;
    int row_bits;
    int column_bits;
    double norm; // from sums to Q7
    const AreaRow* rows;

    int step;             // from sample to sample
    int longest;          // samples of a lane
    const int32_t* first; // of each lane
    const int32_t* count; // of its samples
    const int16_t* head;  // share of the first one
    const int16_t* tail;  // of the last one, if there are two
    const int32_t* begin; // of the bytes that kColumnPadding columns need
    const int32_t* end;

    // For the kernels' windows: of each block of lanes, where the first begins, which the others
    // follow; of each group of blocks, pairs of samples, the place in each window, shares of both.
    int pairs;
    int windows;
    int period; // groups after which places and shares repeat, 1 or 3; 0: they do not
    const int32_t* start;
    const uint16_t* index;
    const int16_t* weight;
};

// One line of samples: a channel, or all of them in output order. Or two lines, where two channels
// lie in the same bytes: then each block of the table has a half for either.
struct Line {
    const LineTable* table;
    const RowTap* rows;
    const AreaTable* area; // in place of both, or null
    int plane;
    int offset;         // of the first sample, bytes into a row
    bool kept;          // sampled rows serve several output rows
    bool twin;          // the next line is made with this one
    int channel_offset; // of the twin, from this one
    int low_byte;       // of a 16-bit sample, from its high one; 0: samples are bytes
};

// A frame whose pixels have one channel each: lines read rows of RGB that are made of it.
struct Mosaic {
    size_t bytes; // of the rows of RGB needed at a time; 0: the frame is no mosaic
    int width;
    int height;
    int red_column; // 0 or 1, and blue in the other one
    int red_row;
};

// What turns lines into pixels.
enum class Mixing : uint8_t {
    none,     // one line is one output line, or all channels interleaved
    yuv,      // luma and two chroma lines to three channels
    luma,     // luma alone, its range expanded
    weighted, // three channels to their luma
};

// With y, a, b centred: first = y Y + a A, second = y Y + a Ga + b Gb, third = y Y + b B, where a
// is the chroma of the first output channel. Luma Q14, chroma Q13.
struct ColorMatrix {
    int16_t black; // Q7
    int16_t luma;
    int16_t first;
    int16_t second[2];
    int16_t third;
    int16_t weight[3]; // of Mixing::weighted, Q15
};

enum class OutputType : uint8_t { uint8, int8, float32, float16 };

// How pixels become values, for the longest run of lanes before channels repeat.
struct Scaling {
    alignas(64) float gain[3 * kColumnPadding];
    float offset[3 * kColumnPadding];
};

struct PreprocessTables {
    int width; // of the model input
    int height;
    int left; // of the picture within it
    int top;
    int picture_width; // as far as it lies inside
    int picture_height;
    int channels;
    bool planar;     // channels one after the other
    bool transposed; // lines of samples become columns of the picture

    int strip_columns; // that are done together
    Mixing mixing;
    int line_count;
    int lanes_per_column; // 3 where a line has all channels
    Line line[kMaxLines];
    Mosaic mosaic;
    ColorMatrix color;

    OutputType type;
    // unit: value = round(level), ties to even, then flip. Otherwise value = clamp(pixel * gain +
    // offset, low, high), and for integers rounded to nearest, ties to even, plus zero_point.
    bool unit;
    uint8_t flip; // xor of the byte
    Scaling scaling[kMaxLines];
    float low;
    float high;
    int32_t zero_point;

    // Padding, of each channel where they are separate; repeats after any number of columns. Longer
    // by a line of the cache, so that a copy of kPaddingBytes may begin anywhere in the first one.
    alignas(64) uint8_t padding[kMaxLines][kPaddingTable];
};

} // namespace edgecore

#endif
