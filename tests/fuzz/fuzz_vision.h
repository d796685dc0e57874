// A libFuzzer target of the vision core: a case made of the fuzzer's bytes.
#ifndef EDGECORE_TESTS_FUZZ_FUZZ_VISION_H
#define EDGECORE_TESTS_FUZZ_FUZZ_VISION_H

#include <cstdio>
#include <cstdlib>

#include "native/cases.h"

// Stops the fuzzer, which keeps the bytes, where `agrees(dice)` is false.
#define EDGECORE_FUZZ(agrees)                                                                      \
    extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {                      \
        edgecore::ByteDice dice(data, size);                                                       \
        if (!(agrees)) {                                                                           \
            std::fflush(stdout);                                                                   \
            std::abort();                                                                          \
        }                                                                                          \
        return 0;                                                                                  \
    }

#endif
