// Where a box is and how it moves: a Kalman filter of constant velocity. Definition and sources are
// in docs/numerics.md, "Tracking".
#ifndef EDGECORE_VISION_BOX_MOTION_H
#define EDGECORE_VISION_BOX_MOTION_H

#include <array>

#include "vision/rect.h"

namespace edgecore {

// Value and velocity of one quantity, and their covariance.
struct MotionAxis {
    double value, velocity;
    double variance, covariance, velocity_variance;

    // `density` is that of the white noise of the acceleration.
    void predict(double dt_s, double density);
    void correct(double measured, double variance_of_it);
};

// Centre, width and height. No noise couples two of them, so the filter of eight states is four of
// two.
class BoxMotion {
public:
    using Axes = std::array<MotionAxis, 4>; // x, y, width, height

    explicit BoxMotion(const Rect& seen); // stands still, as far as is known
    explicit BoxMotion(const Axes& axes)
        : x_(axes[0]), y_(axes[1]), width_(axes[2]), height_(axes[3]) {}

    void predict(double dt_s);
    void correct(const Rect& seen);
    void shift(double x, double y);
    void keep_size(); // from now on, until corrected

    Rect box() const;
    Axes axes() const { return {x_, y_, width_, height_}; }

private:
    MotionAxis x_, y_, width_, height_;
};

} // namespace edgecore

#endif
