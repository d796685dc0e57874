#include "vision/mosaic.h"

#include <new>
#include <vector>

namespace edgecore {

bool is_mosaic(PixelFormat format) noexcept {
    return mosaic_of({format, ColorSpace::bt601_full, 1, 1}, 1).bytes > 0;
}

Mosaic mosaic_of(const FrameGeometry& frame, int rows) noexcept {
    const size_t bytes = size_t{3} * static_cast<size_t>(frame.width) * static_cast<size_t>(rows);
    switch (frame.format) {
    case PixelFormat::rggb:
        return {bytes, frame.width, frame.height, 0, 0};
    case PixelFormat::grbg:
        return {bytes, frame.width, frame.height, 1, 0};
    case PixelFormat::gbrg:
        return {bytes, frame.width, frame.height, 0, 1};
    case PixelFormat::bggr:
        return {bytes, frame.width, frame.height, 1, 1};
    default:
        return {};
    }
}

uint8_t* mosaic_scratch(size_t bytes) noexcept {
    thread_local std::vector<uint8_t> memory;
    try {
        if (memory.size() < bytes)
            memory.resize(bytes);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
    return memory.data();
}

} // namespace edgecore
