#include "vision/frame.h"

#include <algorithm>

#include "vision/names.h"

namespace edgecore {

namespace {

constexpr const char* kFormatNames[] = {"rgb",  "bgr",  "rgba", "bgra", "gray",
                                        "nv12", "nv21", "i420", "yuyv", "uyvy",
                                        "p010", "rggb", "bggr", "grbg", "gbrg"};
constexpr const char* kColorNames[] = {"bt601-limited", "bt601-full", "bt709-limited",
                                       "bt709-full"};

} // namespace

bool parse(const char* name, PixelFormat* out) noexcept {
    return find_name(kFormatNames, name, out);
}
bool parse(const char* name, ColorSpace* out) noexcept {
    return find_name(kColorNames, name, out);
}

int plane_count(PixelFormat format) noexcept {
    switch (format) {
    case PixelFormat::nv12:
    case PixelFormat::nv21:
    case PixelFormat::p010:
        return 2;
    case PixelFormat::i420:
        return 3;
    default:
        return 1;
    }
}

PlaneShape plane_shape(const FrameGeometry& geometry, int plane) noexcept {
    const int half_width = (geometry.width + 1) / 2;
    const int half_height = (geometry.height + 1) / 2;
    switch (geometry.format) {
    case PixelFormat::rgb:
    case PixelFormat::bgr:
        return {geometry.height, geometry.width, 3};
    case PixelFormat::rgba:
    case PixelFormat::bgra:
        return {geometry.height, geometry.width, 4};
    case PixelFormat::yuyv:
    case PixelFormat::uyvy:
        return {geometry.height, half_width, 4};
    case PixelFormat::nv12:
    case PixelFormat::nv21:
        if (plane == 1)
            return {half_height, half_width, 2};
        break;
    case PixelFormat::i420:
        if (plane > 0)
            return {half_height, half_width, 1};
        break;
    case PixelFormat::p010:
        if (plane == 1)
            return {half_height, half_width, 4};
        return {geometry.height, geometry.width, 2};
    default:
        break;
    }
    return {geometry.height, geometry.width, 1};
}

// As integers: pointers into different arrays have no order.
bool overlaps(const FrameView& frame, const void* data, size_t bytes) noexcept {
    const auto begin = reinterpret_cast<uintptr_t>(data);
    for (int i = 0; i < frame.planes && i < kMaxPlanes; ++i) {
        const Plane& plane = frame.plane[i];
        if (plane.rows < 1)
            continue;
        const auto top = reinterpret_cast<uintptr_t>(plane.data);
        const auto bottom = top + static_cast<uintptr_t>(plane.stride * (plane.rows - 1));
        const uintptr_t end = std::max(top, bottom) + static_cast<uintptr_t>(plane.row_bytes);
        if (std::min(top, bottom) < begin + bytes && begin < end)
            return true;
    }
    return false;
}

} // namespace edgecore
