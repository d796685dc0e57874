// A random head with its tensors.
#ifndef EDGECORE_TESTS_NATIVE_HEAD_CASE_H
#define EDGECORE_TESTS_NATIVE_HEAD_CASE_H

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "native/dice.h"
#include "vision/head_decoder.h"

namespace edgecore {

struct OwnedTensor {
    std::vector<float> floats;
    std::vector<uint8_t> bytes;
    RawTensor raw{};
};

// `find` refers to the case, so it stays where it is.
struct HeadCase {
    std::deque<OwnedTensor> tensors; // whose addresses stay
    Choice choice;
    Suppression suppression = Suppression::here;
    size_t keypoints = 0;
    int64_t classes = -1; // ids are below it, where the layout says so
    std::function<void(Candidates&)> find;
};

std::unique_ptr<HeadCase> make_head_case(Dice& dice, int largest);

} // namespace edgecore

#endif
