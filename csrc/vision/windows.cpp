#include "vision/windows.h"

#include <algorithm>

namespace edgecore {

namespace {

constexpr uint8_t kElsewhere = 0x80;
constexpr int kMaxBytes = 64; // of a block, both taps

// The windows of one block, appended: start, and a place for each byte.
int cover_block(const int32_t* wanted, int bytes, int64_t limit, int window,
                std::vector<int32_t>* start, std::vector<uint8_t>* index) {
    bool covered[kMaxBytes] = {};
    int missing = bytes;
    int count = 0;
    while (missing > 0) {
        int32_t from = INT32_MAX;
        for (int i = 0; i < bytes; ++i)
            if (!covered[i])
                from = std::min(from, wanted[i]);
        from = static_cast<int32_t>(std::min<int64_t>(from, limit - window));
        start->push_back(from);
        for (int i = 0; i < bytes; ++i) {
            const int32_t place = wanted[i] - from;
            const bool here = !covered[i] && place >= 0 && place < window;
            index->push_back(here ? static_cast<uint8_t>(place) : kElsewhere);
            covered[i] |= here;
            missing -= here;
        }
        ++count;
    }
    return count;
}

} // namespace

void cover(const int32_t* first, const int32_t* second, int lanes, int64_t limit,
           const WindowShape& shape, Windows* out) {
    out->count = 0;
    if (shape.lanes == 0 || limit < shape.bytes)
        return;
    const int bytes = 2 * shape.lanes;
    const int blocks = lanes / shape.lanes;
    out->own_start.clear();
    out->own_index.clear();
    out->block.resize(blocks);
    for (int b = 0; b < blocks; ++b) {
        int32_t wanted[kMaxBytes];
        for (int i = 0; i < shape.lanes; ++i) {
            const int lane = b * shape.lanes + i;
            wanted[shape.paired ? 2 * i : i] = first[lane];
            wanted[shape.paired ? 2 * i + 1 : i + shape.lanes] = second[lane];
        }
        Windows::Block& block = out->block[b];
        block.begin = static_cast<int>(out->own_start.size());
        block.count =
            cover_block(wanted, bytes, limit, shape.bytes, &out->own_start, &out->own_index);
        out->count = std::max(out->count, block.count);
    }
    // Every block gets as many windows as the neediest; what is over adds nothing. Blocks that are
    // permuted together lie side by side.
    out->start.resize(size_t{1} * blocks * out->count);
    out->index.assign(out->start.size() * bytes, kElsewhere);
    for (int b = 0; b < blocks; ++b) {
        const Windows::Block& block = out->block[b];
        for (int k = 0; k < out->count; ++k) {
            const int together = b / shape.together;
            const size_t to =
                (size_t{1} * together * out->count + k) * shape.together + b % shape.together;
            const int from = block.begin + std::min(k, block.count - 1);
            out->start[to] = out->own_start[from];
            if (k < block.count)
                std::copy_n(out->own_index.data() + size_t{1} * from * bytes, bytes,
                            out->index.data() + to * bytes);
        }
    }
}

} // namespace edgecore
