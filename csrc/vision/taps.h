// Which samples an output pixel reads in a row or column, and how much of each.
#ifndef EDGECORE_VISION_TAPS_H
#define EDGECORE_VISION_TAPS_H

#include <cstdint>
#include <vector>

#include "vision/geometry.h"
#include "vision/preprocess_tables.h"

namespace edgecore {

enum class Interpolation : uint8_t { bilinear, area, nearest };
enum class Chroma : uint8_t { bilinear, nearest };

bool parse(const char* name, Interpolation* out) noexcept;
bool parse(const char* name, Chroma* out) noexcept;

// Taps of every output pixel of an axis whose samples stand for `group` pixels each. Half-pixel
// centres in exact fractions; positions are clamped to the pixels the region touches.
void taps(const Axis& axis, int group, Interpolation interpolation, Chroma chroma,
          std::vector<RowTap>* out);

} // namespace edgecore

#endif
