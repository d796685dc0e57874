// Greedy, class-aware non-maximum suppression. Native because it runs once per frame on thousands
// of candidates and has to keep its memory from one frame to the next.
#ifndef EDGECORE_VISION_NMS_H
#define EDGECORE_VISION_NMS_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace edgecore {

struct Selection {
    float score_threshold; // a box is a candidate when its score >= this; NaN never is
    float
        iou_threshold; // a kept box suppresses those of its class with IoU > this; may be infinite
    std::size_t max_results; // at least 1
};

// The first box that is no box (a coordinate not finite, x1 < x0 or y1 < y0), or n where all are.
std::size_t first_invalid_box(const float* boxes, std::size_t n);

// Kept boxes of one class, in chains of blocks, oldest first: high scores suppress most. Unused
// lanes hold an empty box infinitely far away, which overlaps nothing.
struct KeptBlock {
    static constexpr std::size_t kLanes = 8;
    static constexpr std::uint32_t kNone = 0xFFFFFFFFu;

    float x0[kLanes], y0[kLanes], x1[kLanes], y1[kLanes], area[kLanes];
    std::uint32_t used;
    std::uint32_t next; // index of a block, or kNone
};

// Keeps its memory between runs: once it has seen the largest n, a run allocates nothing.
class GreedyNms {
public:
    // boxes: n rows x0, y0, x1, y1. class_id: n values, or null when all boxes are of one class.
    // n < 2^32. Fills kept() with indices by falling score, ties by rising index. Arithmetic is
    // float32: inter / (area_kept + area_candidate - inter), no offsets between classes.
    void run(const float* boxes, const float* scores, const std::int64_t* class_id, std::size_t n,
             const Selection& selection);

    const std::vector<std::uint32_t>& kept() const { return kept_; }

    // Whether one more box at least would have been kept, had max_results allowed it.
    bool truncated() const { return truncated_; }

private:
    struct Chain {
        std::uint32_t first;
        std::uint32_t last;
    };

    void rank(const float* scores, std::size_t n, float score_threshold);
    void number_classes(const std::int64_t* class_id);
    std::size_t chain_of(std::int64_t class_id) const;
    void keep(const float* box, Chain& chain);

    std::vector<std::uint64_t> order_; // falling score in the high half, rising index in the low
    std::int64_t lowest_class_ = 0;
    std::vector<std::int64_t> sparse_classes_; // sorted; empty where ids lie close enough to index
    std::vector<Chain> chains_;
    std::vector<KeptBlock> blocks_;
    std::vector<std::uint32_t> kept_;
    bool truncated_ = false;
};

} // namespace edgecore

#endif
