// Random boxes, turned ones too, through the suppressions that change scores or boxes, or measure
// overlap otherwise: every set makes the bits of baseline.
#include <cstdio>
#include <vector>

#include "native/cases.h"
#include "native/variants.h"

namespace edgecore {

bool variants_agree(Dice& dice, int most_boxes, Digest* results) {
    const VariantInput input = make_variant_input(dice, most_boxes);
    static Variants warm; // with the memory of all cases before
    Variants fresh;
    force_kernels("baseline");
    const std::vector<uint8_t> wanted = fresh.run(input);
    bool fine = true;
    for_each_set([&](const char* isa) {
        if (warm.run(input) == wanted)
            return;
        fine = false;
        std::printf("%s: a variant of suppression of %zu boxes differs from baseline\n", isa,
                    input.scores.size());
    });
    if (results)
        results->add(wanted);
    return fine;
}

} // namespace edgecore
