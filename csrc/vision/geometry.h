// Where the picture lies in the model input, and which pixels of the frame it shows.
#ifndef EDGECORE_VISION_GEOMETRY_H
#define EDGECORE_VISION_GEOMETRY_H

#include <cstddef>
#include <cstdint>

#include "vision/frame.h"

namespace edgecore {

enum class Fit : uint8_t { letterbox, stretch, crop };
enum class Anchor : uint8_t { center, top_left };

bool parse(const char* name, Fit* out) noexcept;
bool parse(const char* name, Anchor* out) noexcept;

// Coordinates of regions are held in this many parts of a pixel.
constexpr int kSubpixels = 256;

// Part of a frame, in 1 / kSubpixels pixels, not empty and inside the frame.
struct Region {
    int32_t x0;
    int32_t y0;
    int32_t x1;
    int32_t y1;
};

struct GeometryOptions {
    int width; // of the model input, pixels, 1..kMaxSide
    int height;
    Fit fit;
    Anchor anchor;
    int quarter_turns; // clockwise, 0..3
    bool mirror;       // left to right, after turning
};

// The whole picture in the model input, in its pixels; cropped sides have negative margins.
struct Placement {
    int left;
    int top;
    int width;
    int height;
};

// One side of a frame and the output pixels made from it.
struct Axis {
    int picture;  // output pixels the region becomes
    int begin;    // the first of them that is wanted
    int count;    // how many are
    int64_t from; // the region, in 1 / kSubpixels pixels
    int64_t to;
    bool reversed; // output pixels run against the frame's
};

struct Geometry {
    Placement placement;
    Axis columns; // of the frame
    Axis rows;
    bool transposed; // columns of the frame become rows of the output
};

Geometry lay_out(const Region& region, const GeometryOptions& options) noexcept;

// Boxes of the model input, x0 y0 x1 y1 in its pixels, as boxes of the frame as it was delivered,
// clipped to it; NaN stays NaN. `out` may be `boxes`.
void unmap_boxes(const Geometry& geometry, const FrameGeometry& frame, const float* boxes,
                 size_t count, float* out) noexcept;

} // namespace edgecore

#endif
