#include "vision/tap_blocks.h"

#include <algorithm>
#include <cstring>

namespace edgecore {

namespace {

constexpr uint8_t kElsewhere = 0x80;
constexpr uint8_t kHere = 0x80;

// Ratios of small numbers repeat after this many blocks or fewer.
constexpr size_t kPatternsCompared = 64;

// Weights in two signed bytes a lane each; preprocess_tables.h says how. 255 * fine fits int16.
void split_weights(const std::vector<int16_t>& weight, std::vector<int8_t>* coarse,
                   std::vector<int8_t>* fine) {
    coarse->resize(2 * weight.size());
    fine->resize(2 * weight.size());
    size_t to = 0;
    for (const int16_t doubled : weight) {
        const int exact = doubled / 2;
        int high = std::clamp((exact + 64) / 128, 1, 127);
        int low = exact - 128 * high;
        if (exact == 0) { // both taps are the same byte
            high = 64;
            low = 0;
        }
        (*coarse)[to] = static_cast<int8_t>(128 - high);
        (*coarse)[to + 1] = static_cast<int8_t>(high);
        (*fine)[to] = static_cast<int8_t>(-low);
        (*fine)[to + 1] = static_cast<int8_t>(low);
        to += 2;
    }
}

// One permutation for two windows.
void join(const uint8_t* first, const uint8_t* second, int window, int bytes, uint8_t* out) {
    for (int i = 0; i < bytes; ++i) {
        const bool in_first = first[i] != kElsewhere;
        const bool in_second = second && second[i] != kElsewhere;
        const int place = in_first ? first[i] : in_second ? window + second[i] : 0;
        out[i] = static_cast<uint8_t>((in_first || in_second ? kHere : 0) | place);
    }
}

} // namespace

bool has_fine_weights(const std::vector<int16_t>& weight) noexcept {
    return std::any_of(weight.begin(), weight.end(), [](int16_t w) { return w / 2 % 128 != 0; });
}

void lay_out_blocks(const Windows& windows, const std::vector<int16_t>& weight, bool fine,
                    const WindowShape& shape, TapBlocks* out, LineTable* table) {
    table->windows = windows.count;
    if (windows.count == 0)
        return;
    const int count = windows.count;
    const int bytes = 2 * shape.lanes * shape.together;
    const size_t blocks = windows.start.size() / count / shape.together;
    table->fine_weights = shape.paired && fine;
    if (shape.paired)
        split_weights(weight, &out->coarse, &out->fine);
    const int permutations = shape.joined ? (count + 1) / 2 : count;
    const int size = bytes * (1 + table->fine_weights + permutations);
    const int starts = count * shape.together;
    out->patterns.resize((blocks * size + sizeof(TapBlocks::Bytes) - 1) / sizeof(TapBlocks::Bytes));
    out->places.resize(blocks * (1 + starts));
    auto* const patterns = reinterpret_cast<uint8_t*>(out->patterns.data());
    table->patterns = patterns;
    table->places = out->places.data();
    const uint8_t* index = windows.index.data();
    const int32_t* start = windows.start.data();
    int32_t* place = out->places.data();
    size_t distinct = 0;
    for (size_t b = 0; b < blocks; ++b) {
        uint8_t* const pattern = patterns + distinct * size;
        uint8_t* at = pattern;
        const auto append = [&at, bytes](const void* from) {
            std::memcpy(at, from, bytes);
            at += bytes;
        };
        append(shape.paired ? static_cast<const void*>(out->coarse.data() + b * bytes)
                            : weight.data() + b * bytes / 2);
        if (table->fine_weights)
            append(out->fine.data() + b * bytes);
        for (int k = 0; k < count; k += shape.joined ? 2 : 1, index += bytes) {
            if (!shape.joined) {
                append(index);
                continue;
            }
            const bool two = k + 1 < count;
            join(index, two ? index + bytes : nullptr, shape.bytes, bytes, at);
            index += two ? bytes : 0;
            at += bytes;
        }
        size_t same = 0;
        const size_t compared = std::min(distinct, kPatternsCompared);
        while (same < compared && std::memcmp(patterns + same * size, pattern, size) != 0)
            ++same;
        if (same == compared)
            same = distinct++;
        *place++ = static_cast<int32_t>(same * size);
        std::copy_n(start, starts, place);
        place += starts;
        start += starts;
    }
}

} // namespace edgecore
