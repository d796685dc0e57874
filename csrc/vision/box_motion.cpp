#include "vision/box_motion.h"

namespace edgecore {

namespace {

// Deviations as parts of a box's size: of an edge's measurement, of an unknown velocity in a
// second, and the density of acceleration's noise, 1 / s^3.
constexpr double kMeasured = 0.04;
constexpr double kUnknownVelocity = 3.0;
constexpr double kAcceleration = 1.0;

double measured_variance(const Rect& seen) {
    const double deviation = kMeasured * seen.size();
    return deviation * deviation;
}

MotionAxis standing(double value, const Rect& seen) {
    const double velocity = kUnknownVelocity * seen.size();
    return {value, 0.0, measured_variance(seen), 0.0, velocity * velocity};
}

} // namespace

void MotionAxis::predict(double dt_s, double density) {
    value += velocity * dt_s;
    variance +=
        dt_s * (2.0 * covariance + dt_s * velocity_variance) + density * (dt_s * dt_s * dt_s) / 3.0;
    covariance += dt_s * velocity_variance + density * (dt_s * dt_s) / 2.0;
    velocity_variance += density * dt_s;
}

void MotionAxis::correct(double measured, double variance_of_it) {
    const double whole = variance + variance_of_it;
    const double gain = variance / whole;
    const double velocity_gain = covariance / whole;
    const double off = measured - value;
    value += gain * off;
    velocity += velocity_gain * off;
    velocity_variance -= velocity_gain * covariance;
    covariance -= gain * covariance;
    variance -= gain * variance;
}

BoxMotion::BoxMotion(const Rect& seen)
    : x_(standing(seen.middle_x(), seen)), y_(standing(seen.middle_y(), seen)),
      width_(standing(seen.width(), seen)), height_(standing(seen.height(), seen)) {}

void BoxMotion::predict(double dt_s) {
    const double width = width_.value, height = height_.value;
    const double size = 0.5 * (width + height);
    const double density = kAcceleration * (size * size);
    for (MotionAxis* axis : {&x_, &y_, &width_, &height_})
        axis->predict(dt_s, density);
    width_.value = std::max(width_.value, 0.5 * width);
    height_.value = std::max(height_.value, 0.5 * height);
}

void BoxMotion::correct(const Rect& seen) {
    const double variance = measured_variance(seen);
    x_.correct(seen.middle_x(), variance);
    y_.correct(seen.middle_y(), variance);
    width_.correct(seen.width(), variance);
    height_.correct(seen.height(), variance);
}

void BoxMotion::shift(double x, double y) {
    x_.value += x;
    y_.value += y;
}

void BoxMotion::keep_size() {
    width_.velocity = 0.0;
    height_.velocity = 0.0;
}

Rect BoxMotion::box() const {
    const double half_width = 0.5 * width_.value, half_height = 0.5 * height_.value;
    return {x_.value - half_width, y_.value - half_height, x_.value + half_width,
            y_.value + half_height};
}

} // namespace edgecore
