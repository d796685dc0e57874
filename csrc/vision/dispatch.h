// Which instruction set the kernels run on: one table, chosen once, forceable.
#ifndef EDGECORE_VISION_DISPATCH_H
#define EDGECORE_VISION_DISPATCH_H

#include <cstdint>

namespace edgecore {

struct PreprocessTables;
struct FrameView;

// Every kernel of one instruction set. All sets give identical results to the bit.
struct Kernels {
    const char* isa;
    // Fills the whole output tensor. The frame has the geometry the tables were built for.
    void (*preprocess)(const PreprocessTables& tables, const FrameView& frame,
                       uint8_t* out) noexcept;
};

// The sets this machine can run, best first, ended by nullptr.
const Kernels* const* available_kernels() noexcept;

// The set in use: the best one, unless EDGECORE_FORCE_ISA named another when the module was loaded
// or force_kernels did since.
const Kernels& active_kernels() noexcept;

// False, and nothing changed, when this machine has no set of this name. Calls in progress finish
// on the set they began with.
bool force_kernels(const char* isa) noexcept;

} // namespace edgecore

#endif
