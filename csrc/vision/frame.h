// Camera frames as the kernels see them: pixel formats, colour spaces, planes. Owns no memory.
#ifndef EDGECORE_VISION_FRAME_H
#define EDGECORE_VISION_FRAME_H

#include <cstddef>
#include <cstdint>

namespace edgecore {

// The longest side of a frame or of a model input, in pixels.
constexpr int kMaxSide = 32768;
constexpr int kMaxPlanes = 3;

enum class PixelFormat : uint8_t {
    rgb,
    bgr,
    rgba,
    bgra,
    gray,
    nv12,
    nv21,
    i420,
    yuyv,
    uyvy,
    p010,
    rggb,
    bggr,
    grbg,
    gbrg
};
constexpr int kPixelFormats = 15;
enum class ColorSpace : uint8_t { bt601_limited, bt601_full, bt709_limited, bt709_full };

// False, and `out` untouched, when no enumerator has this name ("nv12", "bt601-limited").
bool parse(const char* name, PixelFormat* out) noexcept;
bool parse(const char* name, ColorSpace* out) noexcept;

struct FrameGeometry {
    PixelFormat format;
    ColorSpace color; // ignored by formats that are not YUV
    int width;        // pixels, 1..kMaxSide
    int height;
};

// The bytes a plane must hold: `rows` rows of `columns` samples of `channels` bytes each. A sample
// of yuyv and uyvy is the macropixel of two pixels, one of p010 a little-endian word or a pair of
// them. Odd sizes round chroma up.
struct PlaneShape {
    int rows;
    int columns;
    int channels;

    int64_t row_bytes() const noexcept { return int64_t{columns} * channels; }
};

int plane_count(PixelFormat format) noexcept;
PlaneShape plane_shape(const FrameGeometry& geometry, int plane) noexcept;

struct Plane {
    const uint8_t* data; // first byte of the top row
    ptrdiff_t stride;    // bytes from a row to the one below it; may be negative
    int64_t rows;
    int64_t row_bytes;
};

struct FrameView {
    int planes;
    Plane plane[kMaxPlanes];
};

// Whether these bytes reach into a plane, or between its rows.
bool overlaps(const FrameView& frame, const void* data, size_t bytes) noexcept;

} // namespace edgecore

#endif
