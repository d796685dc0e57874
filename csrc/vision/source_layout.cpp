#include "vision/source_layout.h"

namespace edgecore {

SourceLayout layout_of(PixelFormat format) noexcept {
    switch (format) {
    case PixelFormat::rgb:
    case PixelFormat::rggb:
    case PixelFormat::bggr:
    case PixelFormat::grbg:
    case PixelFormat::gbrg:
        return {SourceKind::rgb, 3, 0, false, 0, {{0, 0}, {0, 1}, {0, 2}}};
    case PixelFormat::bgr:
        return {SourceKind::rgb, 3, 0, false, 0, {{0, 2}, {0, 1}, {0, 0}}};
    case PixelFormat::rgba:
        return {SourceKind::rgb, 4, 0, false, 0, {{0, 0}, {0, 1}, {0, 2}}};
    case PixelFormat::bgra:
        return {SourceKind::rgb, 4, 0, false, 0, {{0, 2}, {0, 1}, {0, 0}}};
    case PixelFormat::gray:
        return {SourceKind::gray, 1, 0, false, 0, {{0, 0}, {0, 0}, {0, 0}}};
    case PixelFormat::nv12:
        return {SourceKind::yuv, 1, 2, true, 0, {{0, 0}, {1, 0}, {1, 1}}};
    case PixelFormat::nv21:
        return {SourceKind::yuv, 1, 2, true, 0, {{0, 0}, {1, 1}, {1, 0}}};
    case PixelFormat::i420:
        return {SourceKind::yuv, 1, 1, true, 0, {{0, 0}, {1, 0}, {2, 0}}};
    case PixelFormat::yuyv:
        return {SourceKind::yuv, 2, 4, false, 0, {{0, 0}, {0, 1}, {0, 3}}};
    case PixelFormat::uyvy:
        return {SourceKind::yuv, 2, 4, false, 0, {{0, 1}, {0, 0}, {0, 2}}};
    case PixelFormat::p010:
        return {SourceKind::yuv, 2, 4, true, -1, {{0, 1}, {1, 1}, {1, 3}}};
    }
    return {};
}

} // namespace edgecore
