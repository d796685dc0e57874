// The variants of suppression on one input.
#ifndef EDGECORE_TESTS_NATIVE_VARIANTS_H
#define EDGECORE_TESTS_NATIVE_VARIANTS_H

#include <cstdint>
#include <vector>

#include "native/dice.h"
#include "vision/nms_variants.h"

namespace edgecore {

struct VariantInput {
    std::vector<float> boxes, turned, scores;
    std::vector<int64_t> class_id; // empty: one class
    BoundedSelection bounds;
    SoftDecay decay;
};

VariantInput make_variant_input(Dice& dice, int most_boxes);

// All four; they keep their memory from run to run.
class Variants {
public:
    // What they select and make, as bytes.
    const std::vector<uint8_t>& run(const VariantInput& input);

private:
    DistanceNms distance_;
    RotatedNms rotated_;
    SoftNms soft_;
    WeightedNms weighted_;
    std::vector<uint8_t> results_;
};

} // namespace edgecore

#endif
