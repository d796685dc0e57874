// Colour spaces as the fixed-point coefficients kernels multiply by.
#ifndef EDGECORE_VISION_COLOR_H
#define EDGECORE_VISION_COLOR_H

#include <cstdint>

#include "vision/frame.h"
#include "vision/preprocess_tables.h"

namespace edgecore {

enum class ChannelOrder : uint8_t { rgb, bgr, gray };

bool parse(const char* name, ChannelOrder* out) noexcept;

ColorMatrix matrix_of(ColorSpace color, ChannelOrder order) noexcept;

} // namespace edgecore

#endif
