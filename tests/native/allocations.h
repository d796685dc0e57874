// How often a frame allocates, once what comes before has warmed up.
#ifndef EDGECORE_TESTS_NATIVE_ALLOCATIONS_H
#define EDGECORE_TESTS_NATIVE_ALLOCATIONS_H

#include <cstddef>
#include <cstdio>

#include "native/cases.h"

namespace edgecore {

inline size_t allocations = 0; // so far

constexpr size_t kInputs = 25;
constexpr size_t kFrames = 100;

// Calls use(i) once for each input, then for kFrames more; true where those allocated nothing.
template <class Use>
bool nothing_allocated(const char* what, const char* isa, Use use) {
    for (size_t i = 0; i < kInputs; ++i)
        use(i);
    const size_t before = allocations;
    for (size_t i = 0; i < kFrames; ++i)
        use(i * 7 % kInputs);
    const size_t during = allocations - before;
    std::printf("%s on %s: %zu allocations in %zu frames\n", what, isa, during, kFrames);
    return during == 0;
}

// The set of this name is in force.
bool preprocessing_allocates_nothing(const char* isa);

} // namespace edgecore

#endif
