// Random cases of the vision core. Each is run on every available instruction set, which must give
// the bits of baseline, and the plain definition's answer where one stands beside it. What is read
// lies in blocks of exactly its size, for AddressSanitizer. False, with a line on what differs,
// where one does not agree. `results`, where given, takes what baseline made, for comparison with
// other machines.
#ifndef EDGECORE_TESTS_NATIVE_CASES_H
#define EDGECORE_TESTS_NATIVE_CASES_H

#include "native/dice.h"
#include "native/digest.h"
#include "vision/dispatch.h"

namespace edgecore {

struct LargestFrame {
    int width, height; // of the frame
    int side;          // of the tensor
    bool shared;       // sometimes made by two callers of one pool of threads at once
};
bool preprocessing_agrees(Dice& dice, const LargestFrame& largest, Digest* results = nullptr);

// The kernels that heads and suppression are made of, one call each, on matrices of up to `largest`
// rows and columns.
bool kernels_agree(Dice& dice, int largest);

// Whole heads of up to `largest` anchors a side or a row and four times as many classes, decoded
// twice by the same decoder.
bool heads_agree(Dice& dice, int largest, Digest* results = nullptr);

bool suppression_agrees(Dice& dice, int most_boxes, Digest* results = nullptr);

// Soft, weighted, distance-IoU and rotated suppression.
bool variants_agree(Dice& dice, int most_boxes, Digest* results = nullptr);

// A drive of up to so many objects, twice through a tracker of its own.
bool tracking_agrees(Dice& dice, int most_objects, Digest* results = nullptr);

// Calls use(isa) for every set, which is in force meanwhile.
template <class Use>
void for_each_set(Use use) {
    for (const Kernels* const* set = available_kernels(); *set; ++set) {
        force_kernels((*set)->isa);
        use((*set)->isa);
    }
}

} // namespace edgecore

#endif
