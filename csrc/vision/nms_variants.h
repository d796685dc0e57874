// Suppression by other measures and to other ends than nms.h. Each keeps its memory between runs.
// Candidates are those with score >= Selection::score_threshold, the first max_candidates of them
// by falling score, ties by rising index; NaN never is one. class_id may be null: one class.
#ifndef EDGECORE_VISION_NMS_VARIANTS_H
#define EDGECORE_VISION_NMS_VARIANTS_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/nms.h"
#include "vision/overlap_measures.h"

namespace edgecore {

struct BoundedSelection {
    Selection selection;
    std::size_t max_candidates; // at least 1
};

// Some results in the order of their score.
struct Selected {
    std::vector<std::uint32_t> index;
    std::vector<float> score;
    std::vector<float> values; // what a variant makes of each row
    bool truncated = false;    // a bound left a candidate or a result out

    void clear();
};

// Greedy, by distance-IoU: boxes as in nms.h.
class DistanceNms {
public:
    const Selected& run(const float* boxes, const float* scores, const std::int64_t* class_id,
                        std::size_t n, const BoundedSelection& bounds);

private:
    Ranking ranking_;
    Selected selected_;
};

// Greedy, by the overlap of turned boxes: rows of x, y, width, height and radians.
class RotatedNms {
public:
    const Selected& run(const float* boxes, const float* scores, const std::int64_t* class_id,
                        std::size_t n, const BoundedSelection& bounds);

private:
    Ranking ranking_;
    std::vector<RotatedBox> ranked_; // boxes by rank
    std::vector<std::size_t> kept_;  // their ranks
    Selected selected_;
};

// Bodla et al. 2017: instead of being dropped, a box's score falls with its overlap, linearly from
// the IoU threshold on or as a Gaussian of width sigma.
struct SoftDecay {
    bool gaussian;
    float sigma;
};
class SoftNms {
public:
    const Selected& run(const float* boxes, const float* scores, const std::int64_t* class_id,
                        std::size_t n, const BoundedSelection& bounds, const SoftDecay& decay);

private:
    Ranking ranking_;
    std::vector<Ranked> left_;
    Selected selected_;
};

// MediaPipe's: a kept box and those it suppresses become one, the mean of all weighted by score.
class WeightedNms {
public:
    // rows: n rows of `width` values, of which the first four are the box; all are blended into
    // Selected::values.
    const Selected& run(const float* rows, std::size_t width, const float* scores,
                        const std::int64_t* class_id, std::size_t n,
                        const BoundedSelection& bounds);

private:
    Ranking ranking_;
    std::vector<std::uint8_t> taken_;
    std::vector<double> sums_;
    Selected selected_;
};

} // namespace edgecore

#endif
