#include "vision/nms.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace edgecore {

namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFFu;

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

// Distinct class ids of the candidates, sorted; a class's place here is its chain's.
void GreedyNms::number_classes(const std::int64_t* class_id) {
    classes_.clear();
    for (const std::uint64_t entry : order_)
        classes_.push_back(class_id[static_cast<std::uint32_t>(entry)]);
    std::sort(classes_.begin(), classes_.end());
    classes_.erase(std::unique(classes_.begin(), classes_.end()), classes_.end());
}

bool GreedyNms::suppressed(const float* box, const Chain& chain, float iou_threshold) const {
    const float x0 = box[0], y0 = box[1], x1 = box[2], y1 = box[3];
    const float area = area_of(box);
    for (std::uint32_t at = chain.first; at != kNone; at = blocks_[at].next) {
        const Block& block = blocks_[at];
        std::uint32_t hits[kLanes];
        for (std::size_t k = 0; k < kLanes; ++k) {
            const float width = std::min(x1, block.x1[k]) - std::max(x0, block.x0[k]);
            const float height = std::min(y1, block.y1[k]) - std::max(y0, block.y0[k]);
            const float inter = std::max(width, 0.0f) * std::max(height, 0.0f);
            hits[k] = inter / (block.area[k] + area - inter) > iou_threshold;
        }
        std::uint32_t any = 0;
        for (std::size_t k = 0; k < kLanes; ++k)
            any |= hits[k];
        if (any)
            return true;
    }
    return false;
}

void GreedyNms::keep(const float* box, Chain& chain) {
    if (chain.last == kNone || blocks_[chain.last].used == kLanes) {
        Block empty;
        const float far = std::numeric_limits<float>::infinity();
        std::fill_n(empty.x0, kLanes, far);
        std::fill_n(empty.y0, kLanes, far);
        std::fill_n(empty.x1, kLanes, far);
        std::fill_n(empty.y1, kLanes, far);
        std::fill_n(empty.area, kLanes, 0.0f);
        empty.used = 0;
        empty.next = kNone;
        const auto added = static_cast<std::uint32_t>(blocks_.size());
        blocks_.push_back(empty);
        (chain.last == kNone ? chain.first : blocks_[chain.last].next) = added;
        chain.last = added;
    }
    Block& block = blocks_[chain.last];
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
    if (class_id)
        number_classes(class_id);
    chains_.assign(class_id ? classes_.size() : 1, Chain{kNone, kNone});
    const bool suppresses = std::isfinite(selection.iou_threshold);
    for (const std::uint64_t entry : order_) {
        const auto index = static_cast<std::uint32_t>(entry);
        const float* box = boxes + 4 * std::size_t{index};
        std::size_t number = 0;
        if (class_id)
            number = static_cast<std::size_t>(
                std::lower_bound(classes_.begin(), classes_.end(), class_id[index]) -
                classes_.begin());
        if (suppresses && suppressed(box, chains_[number], selection.iou_threshold))
            continue;
        if (kept_.size() == selection.max_results) {
            truncated_ = true;
            return;
        }
        keep(box, chains_[number]);
        kept_.push_back(index);
    }
}

} // namespace edgecore
