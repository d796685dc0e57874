// Random cases on every instruction set; cases.h says what must hold.
//
//     parity [seed] [count] [set that must be absent]
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "native/cases.h"

using namespace edgecore;

namespace {

template <class Agrees>
uint64_t failures(const char* what, uint64_t seed, uint64_t count, Agrees agrees) {
    uint64_t failed = 0;
    for (uint64_t i = 0; i < count; ++i) {
        SeededDice dice(seed + i);
        if (agrees(dice))
            continue;
        ++failed;
        std::printf("seed %" PRIu64 " of %s\n", seed + i, what);
    }
    std::printf("%s: %" PRIu64 " of %" PRIu64 " differ\n", what, failed, count);
    return failed;
}

} // namespace

int main(int argc, char** argv) {
    const uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
    const uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1000;
    const char* absent = argc > 3 ? argv[3] : "";
    std::printf("sets:");
    bool found = false;
    for_each_set([&](const char* isa) {
        std::printf(" %s", isa);
        found = found || std::strcmp(isa, absent) == 0;
    });
    std::printf("\n");
    if (found)
        std::printf("%s was said to be absent\n", absent);
    const LargestFrame largest{2000, 1200, 300};
    const uint64_t failed =
        failures("preprocessing", seed, count,
                 [&](Dice& dice) { return preprocessing_agrees(dice, largest); }) +
        failures("kernels", seed, count, kernels_agree) +
        failures("heads", seed, count, [](Dice& dice) { return heads_agree(dice, 400); }) +
        failures("suppression", seed, count,
                 [](Dice& dice) { return suppression_agrees(dice, 3000); });
    return found || failed;
}
