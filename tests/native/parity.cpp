// Random cases on every instruction set; cases.h says what must hold. A digest of all results goes
// into a file, which is the same on every machine.
//
//     parity SEED COUNT DIGEST [BEST]
//
// BEST is the instruction set that must be chosen here.
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
    if (argc < 4) {
        std::printf("usage: parity SEED COUNT DIGEST [BEST]\n");
        return 2;
    }
    const uint64_t seed = std::strtoull(argv[1], nullptr, 10);
    const uint64_t count = std::strtoull(argv[2], nullptr, 10);
    const char* best = available_kernels()[0]->isa;
    const bool expected = argc < 5 || std::strcmp(argv[4], best) == 0;
    if (!expected)
        std::printf("%s was to be chosen here\n", argv[4]);
    std::printf("sets:");
    for_each_set([&](const char* isa) { std::printf(" %s", isa); });
    std::printf("\n");
    const LargestFrame largest{2000, 1200, 300, true};
    Digest results;
    const uint64_t failed =
        failures("preprocessing", seed, count,
                 [&](Dice& dice) { return preprocessing_agrees(dice, largest, &results); }) +
        failures("kernels", seed, count, [](Dice& dice) { return kernels_agree(dice, 100); }) +
        failures("heads", seed, count,
                 [&](Dice& dice) { return heads_agree(dice, 400, &results); }) +
        failures("suppression", seed, count,
                 [&](Dice& dice) { return suppression_agrees(dice, 3000, &results); }) +
        failures("variants", seed, count,
                 [&](Dice& dice) { return variants_agree(dice, 200, &results); }) +
        failures("tracking", seed, count,
                 [&](Dice& dice) { return tracking_agrees(dice, 60, &results); });
    std::FILE* file = std::fopen(argv[3], "w");
    if (!file || std::fprintf(file, "%016" PRIx64 "\n", results.value()) < 0 || std::fclose(file)) {
        std::perror(argv[3]);
        return 2;
    }
    return !expected || failed;
}
