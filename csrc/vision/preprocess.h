// Camera frame to model input in one pass: resize, colour, normalise, quantise, pad.
//
// A plan holds everything that depends on sizes and options only. Running it allocates nothing and
// keeps no state, so one plan may run in several threads at once.
#ifndef EDGECORE_VISION_PREPROCESS_H
#define EDGECORE_VISION_PREPROCESS_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/frame.h"
#include "vision/preprocess_tables.h"

namespace edgecore {

enum class Fit : uint8_t { letterbox, stretch };
enum class Anchor : uint8_t { center, top_left };
enum class Interpolation : uint8_t { bilinear, nearest };
enum class Chroma : uint8_t { bilinear, nearest };
enum class ChannelOrder : uint8_t { rgb, bgr };

bool parse(const char* name, Fit* out) noexcept;
bool parse(const char* name, Anchor* out) noexcept;
bool parse(const char* name, Interpolation* out) noexcept;
bool parse(const char* name, Chroma* out) noexcept;
bool parse(const char* name, ChannelOrder* out) noexcept;
bool parse(const char* name, OutputType* out) noexcept;

struct PreprocessOptions {
    int width; // of the model input, pixels, 1..kMaxSide
    int height;
    Fit fit;
    Anchor anchor;
    Interpolation interpolation;
    Chroma chroma;
    ChannelOrder channels;
    OutputType type;
    double mean[3]; // pixel levels, in output channel order
    double std[3];  // the same, not 0
    double scale;   // of integer outputs: real value of one step, > 0; 1 for float32
    int zero_point; // of integer outputs, within the type; 0 for float32
    int pad_value;  // pixel level, 0..255
};

// Where the picture lies in the model input, in its pixels.
struct Placement {
    int left;
    int top;
    int width;
    int height;
};

enum class Status : uint8_t { ok, wrong_planes, wrong_output };

class PreprocessPlan {
public:
    // May throw std::bad_alloc, nothing else.
    PreprocessPlan(const FrameGeometry& frame, const PreprocessOptions& options);
    PreprocessPlan(const PreprocessPlan&) = delete;
    PreprocessPlan& operator=(const PreprocessPlan&) = delete;

    const Placement& placement() const noexcept { return placement_; }

    // Writes the tensor, height x width x 3 values of the output type, `bytes` in all. `out` is
    // aligned for that type and does not overlap the frame.
    Status run(const FrameView& frame, void* out, size_t bytes) const noexcept;

private:
    struct Taps {
        std::vector<int32_t> first;
        std::vector<int32_t> second;
        std::vector<int16_t> weight;
        std::vector<RowTap> rows;
    };

    void place(const PreprocessOptions& options);
    void lay_out_source(const PreprocessOptions& options);
    void lay_out_taps(int index, int step, int group_x, int group_y,
                      const PreprocessOptions& options, SampleGroup* out);
    void lay_out_colors(const PreprocessOptions& options);
    void lay_out_values(const PreprocessOptions& options);

    FrameGeometry frame_;
    Placement placement_;
    Taps taps_[2]; // primary, chroma
    std::vector<uint8_t> pad_row_;
    PreprocessTables tables_;
};

} // namespace edgecore

#endif
