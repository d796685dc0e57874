// A box in double precision, as tracking reckons with it.
#ifndef EDGECORE_VISION_RECT_H
#define EDGECORE_VISION_RECT_H

#include <algorithm>

namespace edgecore {

struct Rect {
    double x0, y0, x1, y1; // pixels; x1 > x0 and y1 > y0

    double width() const { return x1 - x0; }
    double height() const { return y1 - y0; }
    double middle_x() const { return 0.5 * (x0 + x1); }
    double middle_y() const { return 0.5 * (y0 + y1); }
    double size() const { return 0.5 * (width() + height()); }
    Rect moved(double x, double y) const { return {x0 + x, y0 + y, x1 + x, y1 + y}; }
};

// Intersection over union, 0 for boxes that only touch.
inline double overlap(const Rect& one, const Rect& other) {
    const double width = std::min(one.x1, other.x1) - std::max(one.x0, other.x0);
    const double height = std::min(one.y1, other.y1) - std::max(one.y0, other.y0);
    if (!(width > 0.0 && height > 0.0))
        return 0.0;
    const double common = width * height;
    return common / (one.width() * one.height() + other.width() * other.height() - common);
}

} // namespace edgecore

#endif
