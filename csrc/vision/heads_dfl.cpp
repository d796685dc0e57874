// Distribution focal loss: Li et al. 2020, "Generalized Focal Loss", section 3; a side's distance
// is the mean of a distribution over bins.
#include "vision/anchor_scan.h"
#include "vision/heads.h"

namespace edgecore {

namespace {

// The mean of softmax(logits): sums run over rising bins.
template <class T>
float expected_bin(const Raw<T>& raw, std::size_t first, std::size_t bins) {
    float largest = raw.at(first);
    for (std::size_t i = 1; i < bins; ++i)
        largest = raw.at(first + i) > largest ? raw.at(first + i) : largest;
    float sum = 0.0f, weighted = 0.0f;
    for (std::size_t i = 0; i < bins; ++i) {
        const float weight = exponential(raw.at(first + i) - largest);
        sum = sum + weight;
        weighted = weighted + weight * static_cast<float>(i);
    }
    return weighted / sum;
}

template <class T>
Corners box_of(const RawTensor& boxes, std::size_t first, std::size_t bins, const Grid& grid,
               std::size_t cell) {
    const Raw<T> raw(boxes);
    const float x = static_cast<float>(cell % grid.columns) + 0.5f;
    const float y = static_cast<float>(cell / grid.columns) + 0.5f;
    return {(x - expected_bin(raw, first, bins)) * grid.stride,
            (y - expected_bin(raw, first + bins, bins)) * grid.stride,
            (x + expected_bin(raw, first + 2 * bins, bins)) * grid.stride,
            (y + expected_bin(raw, first + 3 * bins, bins)) * grid.stride};
}

template <class T>
void find_in_grid(const DflGrid& part, std::size_t bins, std::size_t classes, const Choice& choice,
                  Candidates& found) {
    const Raw<T> raw(part.scores);
    const float threshold = choice.selection.score_threshold;
    const auto level = raw.least_level(threshold, Activation::sigmoid);
    if (raw.unreachable(level))
        return;
    const ScoreMatrix<T> scores{raw.data + part.scores_start, part.grid.rows * part.grid.columns,
                                classes, part.scores_step, 1};
    for_each_labelled_anchor(scores, static_cast<T>(level), choice,
                             [&](std::size_t cell, std::size_t class_id, T logit) {
                                 const float score = sigmoid(raw.real(logit));
                                 if (!(score >= threshold))
                                     return;
                                 Corners box{};
                                 with_type(part.boxes.type, [&](auto zero) {
                                     box = box_of<decltype(zero)>(
                                         part.boxes, cell * part.boxes_step, bins, part.grid, cell);
                                 });
                                 found.add(box, score, static_cast<std::int64_t>(class_id));
                             });
}

} // namespace

void find_dfl(const std::vector<DflGrid>& grids, std::size_t bins, std::size_t classes,
              const Choice& choice, Candidates& found) {
    for (const DflGrid& part : grids)
        with_type(part.scores.type, [&](auto zero) {
            find_in_grid<decltype(zero)>(part, bins, classes, choice, found);
        });
}

} // namespace edgecore
