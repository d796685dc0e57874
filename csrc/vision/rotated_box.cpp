// The overlap of turned boxes. Sutherland and Hodgman 1974 cut a polygon at lines; sine and cosine
// are of our own, so that every machine has the same bits.
#include <cmath>
#include <cstddef>

#include "vision/overlap_measures.h"

namespace edgecore {

namespace {

struct Turn {
    double cosine, sine;
};

// Series on [-pi/4, pi/4] after taking off quarter turns; |angle| is at most 1000.
Turn turn_of(double angle) noexcept {
    const double quarters = std::nearbyint(angle * 0.6366197723675814);
    const double r = (angle - quarters * 1.5707963109016418) - quarters * 1.5893254773528196e-08;
    const double square = r * r;
    const double sine_terms[] = {1.0 / 355687428096000,
                                 -1.0 / 1307674368000,
                                 1.0 / 6227020800,
                                 -1.0 / 39916800,
                                 1.0 / 362880,
                                 -1.0 / 5040,
                                 1.0 / 120,
                                 -1.0 / 6,
                                 1.0};
    const double cosine_terms[] = {1.0 / 20922789888000,
                                   -1.0 / 87178291200,
                                   1.0 / 479001600,
                                   -1.0 / 3628800,
                                   1.0 / 40320,
                                   -1.0 / 720,
                                   1.0 / 24,
                                   -1.0 / 2,
                                   1.0};
    double sine = 0.0, cosine = 0.0;
    for (std::size_t i = 0; i < 9; ++i) {
        sine = sine * square + sine_terms[i];
        cosine = cosine * square + cosine_terms[i];
    }
    sine = sine * r;
    switch (static_cast<long>(quarters) & 3) {
    case 0:
        return {cosine, sine};
    case 1:
        return {-sine, cosine};
    case 2:
        return {-cosine, -sine};
    default:
        return {sine, -cosine};
    }
}

struct Point {
    double x, y;
};

// A convex polygon of four corners, cut at up to four lines.
struct Polygon {
    Point corner[8];
    std::size_t count;
};

// What lies where axis * x <= limit, or the same of y.
Polygon cut(const Polygon& polygon, bool vertical, double sign, double limit) noexcept {
    Polygon out{{}, 0};
    for (std::size_t i = 0; i < polygon.count; ++i) {
        const Point& from = polygon.corner[i];
        const Point& to = polygon.corner[i + 1 < polygon.count ? i + 1 : 0];
        const double before = limit - sign * (vertical ? from.x : from.y);
        const double after = limit - sign * (vertical ? to.x : to.y);
        if (before >= 0.0)
            out.corner[out.count++] = from;
        if ((before >= 0.0) != (after >= 0.0) && out.count < 8) {
            const double part = before / (before - after);
            out.corner[out.count++] = {from.x + (to.x - from.x) * part,
                                       from.y + (to.y - from.y) * part};
        }
        if (out.count == 8)
            break;
    }
    return out;
}

} // namespace

RotatedBox::RotatedBox(const float* box) noexcept
    : x(box[0]), y(box[1]), half_width(0.5 * box[2]), half_height(0.5 * box[3]),
      area(static_cast<double>(box[2]) * box[3]), radius(half_width + half_height) {
    const Turn turn = turn_of(box[4]);
    cosine = turn.cosine;
    sine = turn.sine;
}

double iou_of(const RotatedBox& kept, const RotatedBox& box) noexcept {
    const double across = box.x - kept.x, down = box.y - kept.y;
    if (std::fabs(across) > kept.radius + box.radius || std::fabs(down) > kept.radius + box.radius)
        return 0.0;
    const double middle_x = across * kept.cosine + down * kept.sine;
    const double middle_y = down * kept.cosine - across * kept.sine;
    const double cosine = box.cosine * kept.cosine + box.sine * kept.sine;
    const double sine = box.sine * kept.cosine - box.cosine * kept.sine;
    Polygon common{{}, 4};
    const double turns[4][2] = {{1, 1}, {-1, 1}, {-1, -1}, {1, -1}};
    for (std::size_t i = 0; i < 4; ++i) {
        const double along = turns[i][0] * box.half_width, aside = turns[i][1] * box.half_height;
        common.corner[i] = {middle_x + along * cosine - aside * sine,
                            middle_y + along * sine + aside * cosine};
    }
    common = cut(common, true, 1.0, kept.half_width);
    common = cut(common, true, -1.0, kept.half_width);
    common = cut(common, false, 1.0, kept.half_height);
    common = cut(common, false, -1.0, kept.half_height);
    double twice = 0.0;
    for (std::size_t i = 0; i < common.count; ++i) {
        const Point& from = common.corner[i];
        const Point& to = common.corner[i + 1 < common.count ? i + 1 : 0];
        twice = twice + (from.x * to.y - to.x * from.y);
    }
    const double inter = twice > 0.0 ? 0.5 * twice : 0.0;
    return inter / (kept.area + box.area - inter);
}

} // namespace edgecore
