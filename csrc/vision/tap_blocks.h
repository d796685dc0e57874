// The taps of a line in the form its kernel walks through: where each block of lanes lies in a row,
// and what to make of the bytes there, once for all blocks that make the same.
#ifndef EDGECORE_VISION_TAP_BLOCKS_H
#define EDGECORE_VISION_TAP_BLOCKS_H

#include <cstdint>
#include <vector>

#include "vision/preprocess_tables.h"
#include "vision/windows.h"

namespace edgecore {

struct TapBlocks {
    struct alignas(64) Bytes {
        uint8_t byte[64];
    };
    std::vector<Bytes> patterns;
    std::vector<int32_t> places;
    std::vector<int8_t> coarse;
    std::vector<int8_t> fine;
};

// Whether one signed byte is too coarse for some of these weights, Q14 doubled.
bool has_fine_weights(const std::vector<int16_t>& weight) noexcept;

// Fills in what the table has for windows; `weight` is in the order of the blocks' lanes. `fine`:
// patterns of paired windows have fine weights, needed or not.
void lay_out_blocks(const Windows& windows, const std::vector<int16_t>& weight, bool fine,
                    const WindowShape& shape, TapBlocks* out, LineTable* table);

} // namespace edgecore

#endif
