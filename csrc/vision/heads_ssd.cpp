// SSD (Liu et al. 2016) before and after TFLite_Detection_PostProcess, and BlazeFace (Bazarevsky et
// al. 2019), which is the same with keypoints.
#include "vision/anchor_scan.h"
#include "vision/heads.h"

namespace edgecore {

namespace {

struct Coded {
    const BoxCoder& coder;
    const AnchorBox& anchor;
    PixelScale scale;

    float x(float code) const {
        return (code / coder.centre_scale_x * anchor.width + anchor.x) * scale.x;
    }
    float y(float code) const {
        return (code / coder.centre_scale_y * anchor.height + anchor.y) * scale.y;
    }
    float side(float code, float size_scale, float anchor_side) const {
        const float part = code / size_scale;
        return (coder.exponential_size ? exponential(part) : part) * anchor_side;
    }
    float width(float code) const { return side(code, coder.size_scale_x, anchor.width) * scale.x; }
    float height(float code) const {
        return side(code, coder.size_scale_y, anchor.height) * scale.y;
    }
};

template <class B>
void add_coded(const AnchoredLayout& layout, const Raw<B>& boxes, std::size_t row,
               const AnchorBox& anchor, float score, std::size_t class_id, Candidates& found) {
    const Coded coded{layout.coder, anchor, layout.scale};
    const std::size_t keypoints = layout.coder.keypoints;
    const std::size_t first = row * (4 + 2 * keypoints);
    const std::size_t x = layout.coder.y_first ? 1 : 0, y = 1 - x;
    const Corners box =
        around(coded.x(boxes.at(first + x)), coded.y(boxes.at(first + y)),
               coded.width(boxes.at(first + 2 + x)), coded.height(boxes.at(first + 2 + y)));
    if (!found.add(box, score, static_cast<std::int64_t>(class_id)))
        return;
    for (std::size_t i = 0; i < keypoints; ++i) {
        found.keypoints.push_back(coded.x(boxes.at(first + 4 + 2 * i + x)));
        found.keypoints.push_back(coded.y(boxes.at(first + 4 + 2 * i + y)));
    }
}

template <class T>
void find_anchored_part(const AnchoredLayout& layout, const AnchoredTensors& part,
                        const AnchorBox* anchors, const Choice& choice, Candidates& found) {
    const Raw<T> raw(part.scores);
    const float threshold = choice.selection.score_threshold;
    const auto level = raw.least_level(threshold, layout.activation);
    if (raw.unreachable(level))
        return;
    const std::size_t step = layout.background + layout.classes;
    const ScoreMatrix<T> scores{raw.data + layout.background, part.anchors, layout.classes, step,
                                1};
    for_each_labelled_anchor(scores, static_cast<T>(level), choice,
                             [&](std::size_t row, std::size_t class_id, T value) {
                                 const float score = activated(layout.activation, raw.real(value));
                                 if (!(score >= threshold))
                                     return;
                                 with_type(part.boxes.type, [&](auto zero) {
                                     add_coded(layout, Raw<decltype(zero)>(part.boxes), row,
                                               anchors[row], score, class_id, found);
                                 });
                             });
}

} // namespace

void find_ssd(const SsdTensors& tensors, const Choice& choice, Candidates& found) {
    for (std::size_t i = 0; i < tensors.count; ++i) {
        const float score = real_at(tensors.scores, i);
        const float class_id = std::nearbyint(real_at(tensors.classes, i));
        if (!(score >= choice.selection.score_threshold) ||
            !(std::fabs(class_id) < 2147483648.0f) ||
            !choice.classes.allows(static_cast<std::int64_t>(class_id)))
            continue;
        const auto value = [&](std::size_t k) { return real_at(tensors.boxes, 4 * i + k); };
        found.add(ordered(value(1) * tensors.scale.x, value(0) * tensors.scale.y,
                          value(3) * tensors.scale.x, value(2) * tensors.scale.y),
                  score, static_cast<std::int64_t>(class_id));
    }
}

void find_anchored(const AnchoredLayout& layout, const std::vector<AnchoredTensors>& tensors,
                   const std::vector<AnchorBox>& anchors, const Choice& choice, Candidates& found) {
    const AnchorBox* first = anchors.data();
    for (const AnchoredTensors& part : tensors) {
        with_type(part.scores.type, [&](auto zero) {
            find_anchored_part<decltype(zero)>(layout, part, first, choice, found);
        });
        first += part.anchors;
    }
}

} // namespace edgecore
