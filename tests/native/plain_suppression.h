// The plain definition of greedy suppression, in the order of operations of docs/numerics.md.
#ifndef EDGECORE_TESTS_NATIVE_PLAIN_SUPPRESSION_H
#define EDGECORE_TESTS_NATIVE_PLAIN_SUPPRESSION_H

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/nms.h"

namespace edgecore {

inline float plain_iou(const float* kept, const float* box) {
    const float width = std::min(kept[2], box[2]) - std::max(kept[0], box[0]);
    const float height = std::min(kept[3], box[3]) - std::max(kept[1], box[1]);
    const float inter = std::max(width, 0.0f) * std::max(height, 0.0f);
    const float kept_area = (kept[2] - kept[0]) * (kept[3] - kept[1]);
    const float area = (box[2] - box[0]) * (box[3] - box[1]);
    return inter / (kept_area + area - inter);
}

inline bool plainly_valid(const float* box) {
    return std::isfinite(box[0]) && std::isfinite(box[1]) && std::isfinite(box[2]) &&
           std::isfinite(box[3]) && box[0] <= box[2] && box[1] <= box[3];
}

struct PlainResult {
    std::vector<std::uint32_t> kept;
    bool truncated = false;
};

// The arguments of GreedyNms::run.
inline PlainResult plain_suppression(const float* boxes, const float* scores,
                                     const std::int64_t* class_id, std::size_t n,
                                     const Selection& selection) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < n; ++i)
        if (scores[i] >= selection.score_threshold)
            order.push_back(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return scores[a] > scores[b]; });
    PlainResult out;
    for (const std::uint32_t i : order) {
        const auto suppresses = [&](std::uint32_t k) {
            return (!class_id || class_id[k] == class_id[i]) &&
                   plain_iou(boxes + 4 * k, boxes + 4 * i) > selection.iou_threshold;
        };
        if (std::any_of(out.kept.begin(), out.kept.end(), suppresses))
            continue;
        if (out.kept.size() == selection.max_results) {
            out.truncated = true;
            break;
        }
        out.kept.push_back(i);
    }
    return out;
}

} // namespace edgecore

#endif
