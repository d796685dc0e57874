// Boxes as columns, the form in which kernels read many of them against one.
#ifndef EDGECORE_VISION_BOXES_H
#define EDGECORE_VISION_BOXES_H

#include <cstddef>
#include <cstdint>

namespace edgecore {

// How many boxes beyond the last one a kernel may read, and ignore.
constexpr std::size_t kBoxColumnPadding = 16;

struct BoxColumns {
    const float *x0, *y0, *x1, *y1, *area;
};

// Boxes in a grid of cells, row by row: those of cell c are [starts[c], starts[c + 1]).
struct CellRange {
    const std::uint32_t* starts; // of the first cell of the first row
    std::size_t rows;
    std::size_t columns; // cells of each row, side by side
    std::size_t stride;  // cells from one row to the next
};

} // namespace edgecore

#endif
