#include "vision/frame.h"

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

} // namespace edgecore
