// Greedy, class-aware non-maximum suppression. Native because it runs once per frame on thousands
// of candidates and has to keep its memory from one frame to the next.
#ifndef EDGECORE_VISION_NMS_H
#define EDGECORE_VISION_NMS_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/crowd.h"
#include "vision/ranking.h"

namespace edgecore {

struct Selection {
    float score_threshold; // a box is a candidate when its score >= this; NaN never is
    float
        iou_threshold; // a kept box suppresses those of its class with IoU > this; may be infinite
    std::size_t max_results; // at least 1
};

// Kept boxes of one class, in chains of blocks, oldest first: high scores suppress most. Unused
// lanes hold an empty box infinitely far away, which overlaps nothing.
struct alignas(64) KeptBlock {
    static constexpr std::size_t kLanes = 16;
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
    // What is known of one class. A candidate is compared with the kept boxes in turn until there
    // are many of both; from then on each kept box marks the candidates that it suppresses.
    struct Class {
        std::uint32_t first_block;
        std::uint32_t last_block;
        std::uint32_t kept;
        std::uint32_t crowd;     // index into crowds_, or kNone
        std::int64_t candidates; // not looked at yet; not counted where there are few in all
    };

    void number_classes(const std::int64_t* class_id, const std::vector<Ranked>& order);
    std::size_t place_of(std::int64_t class_id) const;
    void keep(const float* box, Class& own);
    void gather(const float* boxes, const std::int64_t* class_id, const std::vector<Ranked>& order,
                std::size_t from, float iou_threshold, Class& own);

    Ranking ranking_;
    std::int64_t lowest_class_ = 0;
    std::vector<std::int64_t> sparse_classes_; // sorted; empty where ids lie close enough to index
    std::vector<Class> classes_;
    std::vector<KeptBlock> blocks_;
    std::vector<Crowd> crowds_;
    std::size_t crowds_used_ = 0;
    std::vector<std::uint8_t> marks_; // by rank: suppressed by a box that was kept
    std::vector<std::uint32_t> kept_;
    bool truncated_ = false;
};

} // namespace edgecore

#endif
