// From a head's candidates to its detections, in memory that is kept from one frame to the next.
#ifndef EDGECORE_VISION_HEAD_DECODER_H
#define EDGECORE_VISION_HEAD_DECODER_H

#include <cstdint>
#include <limits>
#include <vector>

#include "vision/heads.h"

namespace edgecore {

enum class Suppression {
    here,     // by class-aware NMS
    by_model, // done already, or there is nothing to suppress: ranked only
};

// Results by falling score, ties by the order of the candidates. Once warm, decoding allocates
// nothing.
class HeadDecoder {
public:
    // find(candidates) is one of the functions of heads.h.
    template <class Find>
    void decode(const Choice& choice, Suppression suppression, Find find) {
        candidates_.clear();
        find(candidates_);
        Selection selection = choice.selection;
        if (suppression == Suppression::by_model)
            selection.iou_threshold = std::numeric_limits<float>::infinity();
        const std::vector<Corners>& boxes = candidates_.boxes;
        nms_.run(boxes.empty() ? nullptr : &boxes[0].x0, candidates_.scores.data(),
                 choice.class_agnostic ? nullptr : candidates_.class_id.data(), boxes.size(),
                 selection);
    }

    // Rows of candidates() that are the detections.
    const std::vector<std::uint32_t>& kept() const { return nms_.kept(); }
    const Candidates& candidates() const { return candidates_; }
    // Selection::max_results left out at least one detection.
    bool truncated() const { return nms_.truncated(); }

private:
    Candidates candidates_;
    GreedyNms nms_;
};

} // namespace edgecore

#endif
