#include "vision/nms.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "vision/dispatch.h"

namespace edgecore {

namespace {

constexpr std::uint32_t kNone = KeptBlock::kNone;

// From where on an index of the candidates costs less than comparing with every kept box.
constexpr std::uint32_t kManyKept = 128;
constexpr std::int64_t kManyCandidates = 512;

KeptBlock make_empty_block() {
    KeptBlock empty;
    const float far = std::numeric_limits<float>::infinity();
    for (float* edge : {empty.x0, empty.y0, empty.x1, empty.y1})
        std::fill_n(edge, KeptBlock::kLanes, far);
    std::fill_n(empty.area, KeptBlock::kLanes, 0.0f);
    empty.used = 0;
    empty.next = kNone;
    return empty;
}

const KeptBlock kEmptyBlock = make_empty_block();

float area_of(const float* box) {
    return (box[2] - box[0]) * (box[3] - box[1]);
}

} // namespace

// Gives every class of a candidate a place: by its id where the ids lie close together, else among
// the sorted ids.
void GreedyNms::number_classes(const std::int64_t* class_id, const std::vector<Ranked>& order) {
    constexpr std::uint64_t kCloseTogether = 4096;
    sparse_classes_.clear();
    lowest_class_ = 0;
    std::size_t places = 1;
    if (class_id && !order.empty()) {
        lowest_class_ = std::numeric_limits<std::int64_t>::max();
        std::int64_t highest = std::numeric_limits<std::int64_t>::min();
        for (const Ranked& candidate : order) {
            const std::int64_t id = class_id[candidate.index];
            lowest_class_ = std::min(lowest_class_, id);
            highest = std::max(highest, id);
        }
        const std::uint64_t span =
            static_cast<std::uint64_t>(highest) - static_cast<std::uint64_t>(lowest_class_);
        if (span < kCloseTogether) {
            places = static_cast<std::size_t>(span) + 1;
        } else {
            for (const Ranked& candidate : order)
                sparse_classes_.push_back(class_id[candidate.index]);
            std::sort(sparse_classes_.begin(), sparse_classes_.end());
            sparse_classes_.erase(std::unique(sparse_classes_.begin(), sparse_classes_.end()),
                                  sparse_classes_.end());
            places = sparse_classes_.size();
        }
    }
    classes_.assign(places, Class{kNone, kNone, 0, kNone, 0});
    if (!class_id)
        classes_[0].candidates = static_cast<std::int64_t>(order.size());
    else if (static_cast<std::int64_t>(order.size()) >= kManyCandidates)
        for (const Ranked& candidate : order)
            ++classes_[place_of(class_id[candidate.index])].candidates;
}

std::size_t GreedyNms::place_of(std::int64_t class_id) const {
    if (sparse_classes_.empty())
        return static_cast<std::size_t>(class_id - lowest_class_);
    const auto place = std::lower_bound(sparse_classes_.begin(), sparse_classes_.end(), class_id);
    return static_cast<std::size_t>(place - sparse_classes_.begin());
}

void GreedyNms::keep(const float* box, Class& own) {
    if (own.kept++ % KeptBlock::kLanes == 0) {
        const auto added = static_cast<std::uint32_t>(blocks_.size());
        blocks_.push_back(kEmptyBlock);
        (own.last_block == kNone ? own.first_block : blocks_[own.last_block].next) = added;
        own.last_block = added;
    }
    KeptBlock& block = blocks_[own.last_block];
    const std::uint32_t lane = block.used++;
    block.x0[lane] = box[0];
    block.y0[lane] = box[1];
    block.x1[lane] = box[2];
    block.y1[lane] = box[3];
    block.area[lane] = area_of(box);
}

// The class's candidates from rank `from` on become a crowd, marked by the boxes kept before.
void GreedyNms::gather(const float* boxes, const std::int64_t* class_id,
                       const std::vector<Ranked>& order, std::size_t from, float iou_threshold,
                       Class& own) {
    if (crowds_used_ == crowds_.size())
        crowds_.emplace_back();
    if (crowds_used_ == 0)
        marks_.assign(order.size(), 0);
    own.crowd = static_cast<std::uint32_t>(crowds_used_++);
    Crowd& crowd = crowds_[own.crowd];
    crowd.clear();
    for (std::size_t rank = from; rank < order.size(); ++rank) {
        const std::uint32_t index = order[rank].index;
        if (!class_id || &classes_[place_of(class_id[index])] == &own)
            crowd.add(boxes + 4 * std::size_t{index}, static_cast<std::uint32_t>(rank));
    }
    crowd.arrange(iou_threshold);
    for (std::uint32_t at = own.first_block; at != kNone; at = blocks_[at].next) {
        const KeptBlock& block = blocks_[at];
        for (std::uint32_t lane = 0; lane < block.used; ++lane) {
            const float box[] = {block.x0[lane], block.y0[lane], block.x1[lane], block.y1[lane]};
            crowd.mark(box, marks_.data());
        }
    }
}

void GreedyNms::run(const float* boxes, const float* scores, const std::int64_t* class_id,
                    std::size_t n, const Selection& selection) {
    kept_.clear();
    blocks_.clear();
    crowds_used_ = 0;
    truncated_ = false;
    const std::vector<Ranked>& order = ranking_.sort(scores, n, selection.score_threshold);
    number_classes(class_id, order);
    const auto overlaps = active_kernels().overlaps;
    const float most = selection.iou_threshold;
    const bool suppresses = std::isfinite(most);
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
        const std::uint32_t index = order[rank].index;
        const float* box = boxes + 4 * std::size_t{index};
        Class& own = classes_[class_id ? place_of(class_id[index]) : 0];
        if (own.crowd == kNone && own.kept >= kManyKept && own.candidates >= kManyCandidates &&
            suppresses)
            gather(boxes, class_id, order, rank, most, own);
        --own.candidates;
        if (own.crowd != kNone ? marks_[rank] != 0
                               : suppresses && overlaps(blocks_.data(), own.first_block, box, most))
            continue;
        if (kept_.size() == selection.max_results) {
            truncated_ = true;
            return;
        }
        kept_.push_back(index);
        if (own.crowd != kNone)
            crowds_[own.crowd].mark(box, marks_.data());
        else if (suppresses)
            keep(box, own);
    }
}

} // namespace edgecore
