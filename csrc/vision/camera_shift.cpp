#include "vision/camera_shift.h"

#include <algorithm>
#include <cmath>

namespace edgecore {

namespace {

constexpr std::size_t kFewest = 3;   // objects that can tell
constexpr int kRounds = 2;           // each starts from where the last one led
constexpr double kAlike = 1.5;       // most ratio of the sides of counterparts
constexpr double kReach = 2.0;       // most distance of their middles, in mean sides
constexpr double kImprovement = 1.1; // least ratio of the overlaps with and without the shift

bool alike(double side, double other) {
    return side <= kAlike * other && other <= kAlike * side;
}

// Sum of each expected object's largest overlap.
double agreement(const std::vector<Sight>& expected, const std::vector<Sight>& seen, double widest,
                 Shift shift) {
    double sum = 0.0;
    for (const Sight& one : expected) {
        const Rect box = one.box.moved(shift.x, shift.y);
        double best = 0.0;
        for (const Sight& other :
             near_column(seen, one.middle_x + shift.x, 0.5 * (box.width() + widest)))
            best = std::max(best, overlap(box, other.box));
        sum += best;
    }
    return sum;
}

double median(std::vector<double>& values) {
    std::sort(values.begin(), values.end());
    const std::size_t n = values.size();
    return 0.5 * (values[(n - 1) / 2] + values[n / 2]);
}

} // namespace

SightRange near_column(const std::vector<Sight>& sights, double middle_x, double reach) {
    const auto first =
        std::lower_bound(sights.begin(), sights.end(), middle_x - reach,
                         [](const Sight& sight, double least) { return sight.middle_x < least; });
    const auto last =
        std::upper_bound(first, sights.end(), middle_x + reach,
                         [](double most, const Sight& sight) { return most < sight.middle_x; });
    const Sight* const data = sights.data();
    return {data + (first - sights.begin()), data + (last - sights.begin())};
}

Shift CameraShift::find(const std::vector<Sight>& expected, const std::vector<Sight>& seen,
                        double widest) {
    const Shift none{0.0, 0.0};
    if (expected.size() < kFewest || seen.size() < kFewest)
        return none;
    Shift shift = none;
    for (int round = 0; round < kRounds && refine(expected, seen, shift); ++round) {
    }
    const bool explains = agreement(expected, seen, widest, shift) >=
                          kImprovement * agreement(expected, seen, widest, none);
    return explains ? shift : none;
}

// Adds the median displacement between objects and the nearest ones like them; false without
// enough of those.
bool CameraShift::refine(const std::vector<Sight>& expected, const std::vector<Sight>& seen,
                         Shift& shift) {
    x_.clear();
    y_.clear();
    for (const Sight& one : expected) {
        const double width = one.box.width(), height = one.box.height();
        const double middle_x = one.middle_x + shift.x, middle_y = one.box.middle_y() + shift.y;
        const Sight* nearest = nullptr;
        double least = 0.0, x = 0.0, y = 0.0;
        for (const Sight& other :
             near_column(seen, middle_x, kReach * 0.5 * (1.0 + kAlike) * width)) {
            const double other_width = other.box.width(), other_height = other.box.height();
            if (other.class_id != one.class_id || !alike(width, other_width) ||
                !alike(height, other_height))
                continue;
            const double off_x = other.middle_x - middle_x;
            const double off_y = other.box.middle_y() - middle_y;
            if (std::abs(off_x) > kReach * 0.5 * (width + other_width) ||
                std::abs(off_y) > kReach * 0.5 * (height + other_height))
                continue;
            const double distance = off_x * off_x + off_y * off_y;
            if (nearest &&
                (distance > least || (distance == least && other.index > nearest->index)))
                continue;
            nearest = &other;
            least = distance;
            x = off_x;
            y = off_y;
        }
        if (nearest) {
            x_.push_back(x);
            y_.push_back(y);
        }
    }
    if (x_.size() < kFewest)
        return false;
    shift.x += median(x_);
    shift.y += median(y_);
    return true;
}

} // namespace edgecore
