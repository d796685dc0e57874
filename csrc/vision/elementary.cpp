#include "vision/elementary.h"

#include <cmath>

namespace edgecore {

// Margins far above the error of sigmoid, and of the library's logarithm, which therefore cannot
// show in a result.
float below_logit(float threshold) noexcept {
    const double lowered = static_cast<double>(threshold) * (1.0 - 1e-5);
    if (!(lowered > 1e-30))
        return -std::numeric_limits<float>::infinity();
    return static_cast<float>(std::log(lowered / (1.0 - lowered)) - 1e-3);
}

} // namespace edgecore
