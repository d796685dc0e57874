#include "vision/nms_variants.h"

#include <algorithm>

#include "vision/elementary.h"

namespace edgecore {

namespace {

// How many of the ranked candidates take part.
std::size_t bounded(const std::vector<Ranked>& order, std::size_t most, Selected& selected) {
    selected.truncated = order.size() > most;
    return std::min(order.size(), most);
}

bool same_class(const std::int64_t* class_id, std::uint32_t a, std::uint32_t b) {
    return !class_id || class_id[a] == class_id[b];
}

// The plain greedy loop: suppressed(place of a kept one, rank) decides.
template <class Suppressed, class Keep>
void keep_greedily(const std::vector<Ranked>& order, std::size_t count,
                   const std::int64_t* class_id, std::size_t max_results, Selected& selected,
                   Suppressed suppressed, Keep keep) {
    for (std::size_t rank = 0; rank < count; ++rank) {
        const Ranked& candidate = order[rank];
        bool dropped = false;
        for (std::size_t k = 0; k < selected.index.size() && !dropped; ++k)
            dropped =
                same_class(class_id, selected.index[k], candidate.index) && suppressed(k, rank);
        if (dropped)
            continue;
        if (selected.index.size() == max_results) {
            selected.truncated = true;
            return;
        }
        selected.index.push_back(candidate.index);
        selected.score.push_back(candidate.score);
        keep(rank);
    }
}

} // namespace

void Selected::clear() {
    index.clear();
    score.clear();
    values.clear();
    truncated = false;
}

const Selected& DistanceNms::run(const float* boxes, const float* scores,
                                 const std::int64_t* class_id, std::size_t n,
                                 const BoundedSelection& bounds) {
    const Selection& wanted = bounds.selection;
    selected_.clear();
    const auto& order = ranking_.sort(scores, n, wanted.score_threshold);
    const std::size_t count = bounded(order, bounds.max_candidates, selected_);
    keep_greedily(
        order, count, class_id, wanted.max_results, selected_,
        [&](std::size_t k, std::size_t rank) {
            const float* kept = boxes + 4 * std::size_t{selected_.index[k]};
            const float* box = boxes + 4 * std::size_t{order[rank].index};
            return diou_of(kept, box) > wanted.iou_threshold;
        },
        [](std::size_t) {});
    return selected_;
}

const Selected& RotatedNms::run(const float* boxes, const float* scores,
                                const std::int64_t* class_id, std::size_t n,
                                const BoundedSelection& bounds) {
    const Selection& wanted = bounds.selection;
    const double threshold = wanted.iou_threshold;
    selected_.clear();
    kept_.clear();
    const auto& order = ranking_.sort(scores, n, wanted.score_threshold);
    const std::size_t count = bounded(order, bounds.max_candidates, selected_);
    ranked_.clear();
    for (std::size_t rank = 0; rank < count; ++rank)
        ranked_.emplace_back(boxes + 5 * std::size_t{order[rank].index});
    keep_greedily(
        order, count, class_id, wanted.max_results, selected_,
        [&](std::size_t k, std::size_t rank) {
            return iou_of(ranked_[kept_[k]], ranked_[rank]) > threshold;
        },
        [&](std::size_t rank) { kept_.push_back(rank); });
    return selected_;
}

const Selected& SoftNms::run(const float* boxes, const float* scores, const std::int64_t* class_id,
                             std::size_t n, const BoundedSelection& bounds,
                             const SoftDecay& decay) {
    const Selection& wanted = bounds.selection;
    selected_.clear();
    const auto& order = ranking_.sort(scores, n, wanted.score_threshold);
    left_.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(bounded(
                                                    order, bounds.max_candidates, selected_)));
    while (!left_.empty()) {
        if (selected_.index.size() == wanted.max_results) {
            selected_.truncated = true;
            break;
        }
        const auto best =
            std::max_element(left_.begin(), left_.end(), [](const Ranked& a, const Ranked& b) {
                return a.score != b.score ? a.score < b.score : a.index > b.index;
            });
        const Ranked leader = *best;
        *best = left_.back();
        left_.pop_back();
        selected_.index.push_back(leader.index);
        selected_.score.push_back(leader.score);
        std::size_t remaining = 0;
        for (Ranked candidate : left_) {
            if (same_class(class_id, leader.index, candidate.index)) {
                const float iou = iou_of(boxes + 4 * std::size_t{leader.index},
                                         boxes + 4 * std::size_t{candidate.index});
                if (decay.gaussian && iou > 0.0f)
                    candidate.score = candidate.score * exponential(-(iou * iou) / decay.sigma);
                else if (!decay.gaussian && iou > wanted.iou_threshold)
                    candidate.score = candidate.score * (1.0f - iou);
            }
            if (candidate.score >= wanted.score_threshold)
                left_[remaining++] = candidate;
        }
        left_.resize(remaining);
    }
    return selected_;
}

const Selected& WeightedNms::run(const float* rows, std::size_t width, const float* scores,
                                 const std::int64_t* class_id, std::size_t n,
                                 const BoundedSelection& bounds) {
    const Selection& wanted = bounds.selection;
    selected_.clear();
    const auto& order = ranking_.sort(scores, n, wanted.score_threshold);
    const std::size_t count = bounded(order, bounds.max_candidates, selected_);
    taken_.assign(count, 0);
    for (std::size_t rank = 0; rank < count; ++rank) {
        if (taken_[rank])
            continue;
        if (selected_.index.size() == wanted.max_results) {
            selected_.truncated = true;
            break;
        }
        const std::uint32_t leader = order[rank].index;
        const float* box = rows + width * leader;
        sums_.assign(width, 0.0);
        double total = 0.0;
        for (std::size_t other = rank; other < count; ++other) {
            const std::uint32_t index = order[other].index;
            const float* row = rows + width * index;
            if (taken_[other] || !same_class(class_id, leader, index) ||
                !(other == rank || iou_of(box, row) > wanted.iou_threshold))
                continue;
            taken_[other] = 1;
            const double weight = order[other].score;
            total = total + weight;
            for (std::size_t i = 0; i < width; ++i)
                sums_[i] = sums_[i] + weight * row[i];
        }
        selected_.index.push_back(leader);
        selected_.score.push_back(order[rank].score);
        for (std::size_t i = 0; i < width; ++i)
            selected_.values.push_back(total > 0.0 ? static_cast<float>(sums_[i] / total) : box[i]);
    }
    return selected_;
}

} // namespace edgecore
