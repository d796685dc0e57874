// Bayer mosaics: where red lies, and the memory that rows of RGB are made in.
#ifndef EDGECORE_VISION_MOSAIC_H
#define EDGECORE_VISION_MOSAIC_H

#include <cstddef>
#include <cstdint>

#include "vision/frame.h"
#include "vision/preprocess_tables.h"

namespace edgecore {

// Of a frame whose rows of RGB are needed `rows` at a time; `bytes` is 0 for formats without one.
Mosaic mosaic_of(const FrameGeometry& frame, int rows) noexcept;

bool is_mosaic(PixelFormat format) noexcept;

// Memory of the calling thread, kept for its next frame; null where there is none.
uint8_t* mosaic_scratch(size_t bytes) noexcept;

} // namespace edgecore

#endif
