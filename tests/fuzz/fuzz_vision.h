// A libFuzzer target of the vision core: a case made of the fuzzer's bytes.
#ifndef EDGECORE_TESTS_FUZZ_FUZZ_VISION_H
#define EDGECORE_TESTS_FUZZ_FUZZ_VISION_H

#include <cstdio>
#include <cstdlib>

#include "native/cases.h"

namespace edgecore {

// Whether these bytes make a large case: one in sixteen, so that executions stay short. Their hash
// decides, as the fuzzer keeps what it seldom sees and would make most cases large by a single
// byte.
inline bool is_large(const uint8_t* data, size_t size) {
    Digest hash;
    hash.add(std::vector<uint8_t>(data, data + size));
    return (hash.value() >> 32) % 16 == 0;
}

} // namespace edgecore

// Stops the fuzzer, which keeps the bytes, where `agrees`, made of `dice` and `large`, is false.
#define EDGECORE_FUZZ(agrees)                                                                      \
    extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {                      \
        edgecore::ByteDice dice(data, size);                                                       \
        const bool large = edgecore::is_large(data, size);                                         \
        if (!(agrees)) {                                                                           \
            std::fflush(stdout);                                                                   \
            std::abort();                                                                          \
        }                                                                                          \
        return 0;                                                                                  \
    }

#endif
