// Where a pixel format keeps its channels.
#ifndef EDGECORE_VISION_SOURCE_LAYOUT_H
#define EDGECORE_VISION_SOURCE_LAYOUT_H

#include <cstdint>

#include "vision/frame.h"

namespace edgecore {

enum class SourceKind : uint8_t { gray, rgb, yuv };

struct ChannelSource {
    int plane;
    int offset; // of the first sample, bytes into a row
};

// r g b, or y u v, or gray alone. That of a Bayer mosaic is of the rows of RGB made of it.
struct SourceLayout {
    SourceKind kind;
    int step;        // bytes from a pixel to the next one
    int chroma_step; // the same for chroma samples
    bool half_rows;  // chroma has half the rows, not only half the columns
    int low_byte;    // of a 16-bit sample, from its high one; 0: samples are bytes
    ChannelSource channel[3];
};

SourceLayout layout_of(PixelFormat format) noexcept;

} // namespace edgecore

#endif
