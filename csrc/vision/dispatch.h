// Which instruction set the kernels run on: one table, chosen once, forceable.
#ifndef EDGECORE_VISION_DISPATCH_H
#define EDGECORE_VISION_DISPATCH_H

#include <cstddef>
#include <cstdint>

#include "vision/preprocess_tables.h"

namespace edgecore {

struct FrameView;
struct KeptBlock;

constexpr int kMaxKernels = 4; // on one machine

// Largest values of a matrix whose rows lie `stride` elements apart; NaN is never the largest.
template <typename T>
struct Maxima {
    void (*of_columns)(const T* matrix, std::size_t stride, std::size_t rows, std::size_t columns,
                       T* best) noexcept;
    void (*of_rows)(const T* matrix, std::size_t stride, std::size_t rows, std::size_t columns,
                    T* best) noexcept;
};

// Every kernel of one instruction set. All sets give identical results to the bit.
struct Kernels {
    const char* isa;
    WindowShape windows; // in which `preprocess` wants its tables
    WindowShape sum_windows;
    // Fills rows `begin` to `end` of the output tensor. The frame has the geometry the tables were
    // built for. Where the picture is transposed, `begin` is its first row or a multiple of
    // kColumnPadding rows behind it.
    void (*preprocess)(const PreprocessTables& tables, const FrameView& frame, uint8_t* out,
                       int begin, int end) noexcept;
    Maxima<float> maxima_float32;
    Maxima<int8_t> maxima_int8;
    Maxima<uint8_t> maxima_uint8;
    // Whether one of a chain of kept boxes has an IoU above the threshold with this one.
    bool (*overlaps)(const KeptBlock* blocks, uint32_t first, const float* box,
                     float iou_threshold) noexcept;
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
