#include "vision/anchor_scan.h"
#include "vision/heads.h"

namespace edgecore {

namespace {

template <class T>
void find_scored(const YoloLayout& layout, const RawTensor& tensor, const Choice& choice,
                 Candidates& found) {
    const Raw<T> raw(tensor);
    const auto level = raw.least_level(choice.selection.score_threshold, Activation::none);
    if (raw.unreachable(level))
        return;
    const bool columns = layout.order == YoloOrder::class_major;
    const std::size_t anchor_step = columns ? 1 : 4 + layout.classes;
    const std::size_t value_step = columns ? layout.anchors : 1;
    const ScoreMatrix<T> scores{raw.data + 4 * value_step, layout.anchors, layout.classes,
                                anchor_step, value_step};
    for_each_labelled_anchor(scores, static_cast<T>(level), choice,
                             [&](std::size_t anchor, std::size_t class_id, T score) {
                                 const std::size_t at = anchor * anchor_step;
                                 found.add(around(raw.at(at) * layout.scale.x,
                                                  raw.at(at + value_step) * layout.scale.y,
                                                  raw.at(at + 2 * value_step) * layout.scale.x,
                                                  raw.at(at + 3 * value_step) * layout.scale.y),
                                           raw.real(score), static_cast<std::int64_t>(class_id));
                             });
}

// Calls use(anchor, row, class_id, score) for anchors whose objectness and product both reach.
template <class T, class Use>
void for_each_object(const Raw<T>& raw, std::size_t anchors, std::size_t classes,
                     const Choice& choice, Use use) {
    const float threshold = choice.selection.score_threshold;
    const auto level = raw.least_level(threshold, Activation::none);
    const std::size_t stride = 5 + classes;
    for (std::size_t anchor = 0; anchor < anchors; ++anchor) {
        const std::size_t row = anchor * stride;
        if (!(raw.data[row + 4] >= level))
            continue;
        const float objectness = raw.at(row + 4);
        for_each_label(raw.data + row + 5, 1, classes, lowest<T>(), choice,
                       [&](std::size_t class_id, T score) {
                           const float product = objectness * raw.real(score);
                           if (product >= threshold)
                               use(anchor, row, class_id, product);
                       });
    }
}

template <class T>
void find_objects(const YoloLayout& layout, const RawTensor& tensor, const Choice& choice,
                  Candidates& found) {
    const Raw<T> raw(tensor);
    for_each_object(
        raw, layout.anchors, layout.classes, choice,
        [&](std::size_t, std::size_t row, std::size_t class_id, float score) {
            found.add(around(raw.at(row) * layout.scale.x, raw.at(row + 1) * layout.scale.y,
                             raw.at(row + 2) * layout.scale.x, raw.at(row + 3) * layout.scale.y),
                      score, static_cast<std::int64_t>(class_id));
        });
}

} // namespace

void find_yolo(const YoloLayout& layout, const RawTensor& tensor, const Choice& choice,
               Candidates& found) {
    with_type(tensor.type, [&](auto zero) {
        using T = decltype(zero);
        if (layout.order == YoloOrder::anchor_major_objectness)
            find_objects<T>(layout, tensor, choice, found);
        else
            find_scored<T>(layout, tensor, choice, found);
    });
}

void find_yolox(const std::vector<Grid>& grids, std::size_t classes, const RawTensor& tensor,
                const Choice& choice, Candidates& found) {
    with_type(tensor.type, [&](auto zero) {
        Raw<decltype(zero)> raw(tensor);
        for (const Grid& grid : grids) {
            for_each_object(
                raw, grid.rows * grid.columns, classes, choice,
                [&](std::size_t anchor, std::size_t row, std::size_t class_id, float score) {
                    const auto column = static_cast<float>(anchor % grid.columns);
                    const auto line = static_cast<float>(anchor / grid.columns);
                    found.add(around((raw.at(row) + column) * grid.stride,
                                     (raw.at(row + 1) + line) * grid.stride,
                                     exponential(raw.at(row + 2)) * grid.stride,
                                     exponential(raw.at(row + 3)) * grid.stride),
                              score, static_cast<std::int64_t>(class_id));
                });
            raw.data += grid.rows * grid.columns * (5 + classes);
        }
    });
}

void find_end_to_end(const RawTensor& tensor, std::size_t rows, PixelScale scale,
                     const Choice& choice, Candidates& found) {
    for (std::size_t row = 0; row < rows; ++row) {
        const auto value = [&](std::size_t i) { return real_at(tensor, 6 * row + i); };
        const float class_id = std::nearbyint(value(5));
        if (!(value(4) >= choice.selection.score_threshold) ||
            !(std::fabs(class_id) < 2147483648.0f) ||
            !choice.classes.allows(static_cast<std::int64_t>(class_id)))
            continue;
        found.add(
            ordered(value(0) * scale.x, value(1) * scale.y, value(2) * scale.x, value(3) * scale.y),
            value(4), static_cast<std::int64_t>(class_id));
    }
}

} // namespace edgecore
