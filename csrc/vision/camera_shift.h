// How the camera's own motion displaced the picture, told from what all objects have in common.
#ifndef EDGECORE_VISION_CAMERA_SHIFT_H
#define EDGECORE_VISION_CAMERA_SHIFT_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/rect.h"

namespace edgecore {

// An object in sight: where it is, or where it should be.
struct Sight {
    Rect box;
    double middle_x; // of the box; lists are sorted by it
    float confidence;
    std::int32_t class_id; // objects of different ones are never the same
    std::uint32_t index;   // the caller's
};

// The part of a list sorted by middle_x whose middles lie within `reach` of `middle_x`.
struct SightRange {
    const Sight *first, *last;

    const Sight* begin() const { return first; }
    const Sight* end() const { return last; }
};
SightRange near_column(const std::vector<Sight>& sights, double middle_x, double reach);

struct Shift {
    double x, y; // pixels
};

// Keeps its memory between runs.
class CameraShift {
public:
    // Of `seen`, sorted by middle_x and none wider than `widest`, against `expected`; {0, 0} where
    // there are too few of them, or where the shift explains little. Definition: docs/numerics.md.
    Shift find(const std::vector<Sight>& expected, const std::vector<Sight>& seen, double widest);

private:
    bool refine(const std::vector<Sight>& expected, const std::vector<Sight>& seen, Shift& shift);

    std::vector<double> x_, y_; // displacement of each object that has a counterpart
};

} // namespace edgecore

#endif
