#include "vision/nms.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "vision/dispatch.h"

namespace edgecore {

namespace {

constexpr std::uint32_t kNone = KeptBlock::kNone;

// Orders floats (no NaN) as unsigned integers, falling: negative numbers have all their bits
// turned, the others only the sign. Adding zero makes -0 equal to +0.
std::uint32_t falling(float score) {
    const float value = score + 0.0f;
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    const std::uint32_t rising = (bits >> 31) ? ~bits : (bits | 0x80000000u);
    return ~rising;
}

float area_of(const float* box) {
    return (box[2] - box[0]) * (box[3] - box[1]);
}

} // namespace

std::size_t first_invalid_box(const float* boxes, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        const float* box = boxes + 4 * i;
        const bool finite = std::isfinite(box[0]) && std::isfinite(box[1]) &&
                            std::isfinite(box[2]) && std::isfinite(box[3]);
        if (!finite || box[2] < box[0] || box[3] < box[1])
            return i;
    }
    return n;
}

void GreedyNms::rank(const float* scores, std::size_t n, float score_threshold) {
    order_.clear();
    for (std::size_t i = 0; i < n; ++i)
        if (scores[i] >= score_threshold)
            order_.push_back(std::uint64_t{falling(scores[i])} << 32 | i);
    std::sort(order_.begin(), order_.end());
}

// Gives every class of a candidate a chain: by its id where the ids lie close together, else by its
// place among the sorted ids.
void GreedyNms::number_classes(const std::int64_t* class_id) {
    constexpr std::uint64_t kCloseTogether = 4096;
    sparse_classes_.clear();
    lowest_class_ = 0;
    std::size_t chains = 1;
    if (class_id && !order_.empty()) {
        lowest_class_ = std::numeric_limits<std::int64_t>::max();
        std::int64_t highest = std::numeric_limits<std::int64_t>::min();
        for (const std::uint64_t entry : order_) {
            const std::int64_t id = class_id[static_cast<std::uint32_t>(entry)];
            lowest_class_ = std::min(lowest_class_, id);
            highest = std::max(highest, id);
        }
        const std::uint64_t span =
            static_cast<std::uint64_t>(highest) - static_cast<std::uint64_t>(lowest_class_);
        if (span < kCloseTogether) {
            chains = static_cast<std::size_t>(span) + 1;
        } else {
            for (const std::uint64_t entry : order_)
                sparse_classes_.push_back(class_id[static_cast<std::uint32_t>(entry)]);
            std::sort(sparse_classes_.begin(), sparse_classes_.end());
            sparse_classes_.erase(std::unique(sparse_classes_.begin(), sparse_classes_.end()),
                                  sparse_classes_.end());
            chains = sparse_classes_.size();
        }
    }
    chains_.assign(chains, Chain{kNone, kNone});
}

std::size_t GreedyNms::chain_of(std::int64_t class_id) const {
    if (sparse_classes_.empty())
        return static_cast<std::size_t>(class_id - lowest_class_);
    const auto place = std::lower_bound(sparse_classes_.begin(), sparse_classes_.end(), class_id);
    return static_cast<std::size_t>(place - sparse_classes_.begin());
}

void GreedyNms::keep(const float* box, Chain& chain) {
    if (chain.last == kNone || blocks_[chain.last].used == KeptBlock::kLanes) {
        KeptBlock empty;
        const float far = std::numeric_limits<float>::infinity();
        for (float* edge : {empty.x0, empty.y0, empty.x1, empty.y1})
            std::fill_n(edge, KeptBlock::kLanes, far);
        std::fill_n(empty.area, KeptBlock::kLanes, 0.0f);
        empty.used = 0;
        empty.next = kNone;
        const auto added = static_cast<std::uint32_t>(blocks_.size());
        blocks_.push_back(empty);
        (chain.last == kNone ? chain.first : blocks_[chain.last].next) = added;
        chain.last = added;
    }
    KeptBlock& block = blocks_[chain.last];
    const std::uint32_t lane = block.used++;
    block.x0[lane] = box[0];
    block.y0[lane] = box[1];
    block.x1[lane] = box[2];
    block.y1[lane] = box[3];
    block.area[lane] = area_of(box);
}

void GreedyNms::run(const float* boxes, const float* scores, const std::int64_t* class_id,
                    std::size_t n, const Selection& selection) {
    kept_.clear();
    blocks_.clear();
    truncated_ = false;
    rank(scores, n, selection.score_threshold);
    number_classes(class_id);
    const Kernels& kernels = active_kernels();
    const bool suppresses = std::isfinite(selection.iou_threshold);
    for (const std::uint64_t entry : order_) {
        const auto index = static_cast<std::uint32_t>(entry);
        const float* box = boxes + 4 * std::size_t{index};
        Chain& chain = chains_[class_id ? chain_of(class_id[index]) : 0];
        if (suppresses &&
            kernels.overlaps(blocks_.data(), chain.first, box, selection.iou_threshold))
            continue;
        if (kept_.size() == selection.max_results) {
            truncated_ = true;
            return;
        }
        keep(box, chain);
        kept_.push_back(index);
    }
}

} // namespace edgecore
