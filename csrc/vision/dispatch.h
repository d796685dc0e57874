// Which instruction set the kernels run on: one table, chosen once, forceable.
#ifndef EDGECORE_VISION_DISPATCH_H
#define EDGECORE_VISION_DISPATCH_H

#include <cstddef>
#include <cstdint>

#include "vision/preprocess_tables.h"

namespace edgecore {

struct FrameView;
struct BoxColumns;
struct CellRange;
struct KeptBlock;

constexpr int kMaxKernels = 4; // on one machine

// Which of up to 64 anchors of a matrix have a score of at least `level`: bit i is anchor i. Rows
// lie `stride` elements apart; NaN reaches nothing.
template <typename T>
struct Reaching {
    // An anchor a column; best[i] becomes its largest score.
    uint64_t (*columns)(const T* matrix, std::size_t stride, std::size_t rows, std::size_t columns,
                        T level, T* best) noexcept;
    // An anchor a row; best[i] becomes its largest score where it reaches.
    uint64_t (*rows)(const T* matrix, std::size_t stride, std::size_t rows, std::size_t columns,
                     T level, T* best) noexcept;
};

// Every kernel of one instruction set. All sets give identical results to the bit.
struct Kernels {
    const char* isa;
    WindowShape windows; // in which `preprocess` wants its tables
    WindowShape sum_windows;
    // Fills rows `begin` to `end` of the output tensor. The frame has the geometry the tables were
    // built for. Where the picture is transposed, `begin` is its first row or a multiple of
    // kColumnPadding rows behind it. False: no memory for the rows of a mosaic.
    bool (*preprocess)(const PreprocessTables& tables, const FrameView& frame, uint8_t* out,
                       int begin, int end) noexcept;
    Reaching<float> reaching_float32;
    Reaching<int8_t> reaching_int8;
    Reaching<uint8_t> reaching_uint8;
    // Whether one of a chain of kept boxes has an IoU above the threshold with this one.
    bool (*overlaps)(const KeptBlock* blocks, uint32_t first, const float* box,
                     float iou_threshold) noexcept;
    // Sets marks[rank[i]] for the boxes i of these cells whose IoU with this one is above the
    // threshold. The columns are readable for kBoxColumnPadding boxes beyond the last.
    void (*mark_overlapping)(const BoxColumns& boxes, const uint32_t* rank, const CellRange& cells,
                             const float* box, float iou_threshold, uint8_t* marks) noexcept;
    // The first of n boxes that is none (a coordinate not finite, x1 < x0 or y1 < y0), else n.
    std::size_t (*first_invalid_box)(const float* boxes, std::size_t n) noexcept;
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
