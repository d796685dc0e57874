// The tables of a line in the form a kernel fetches from: windows of the row and permutations.
#ifndef EDGECORE_VISION_WINDOWS_H
#define EDGECORE_VISION_WINDOWS_H

#include <cstdint>
#include <vector>

#include "vision/preprocess_tables.h"

namespace edgecore {

struct Windows {
    int count = 0; // of each block
    std::vector<int32_t> start;
    std::vector<uint8_t> index;

    // Of each block before all have as many; kept for their memory.
    struct Block {
        int begin;
        int count;
    };
    std::vector<Block> block;
    std::vector<int32_t> own_start;
    std::vector<uint8_t> own_index;
};

// Covers the bytes at `first` and `second`, `lanes` of each, by as few windows a block as a greedy
// walk finds; none where fewer than a window's bytes, `limit`, may be read.
void cover(const int32_t* first, const int32_t* second, int lanes, int64_t limit,
           const WindowShape& shape, Windows* out);

} // namespace edgecore

#endif
