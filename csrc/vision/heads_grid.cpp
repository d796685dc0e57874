// Heads that score the cells of a grid: FOMO (Moreau and Kelcey 2022, Edge Impulse) and CenterNet
// (Zhou et al. 2019, "Objects as Points").
#include "vision/anchor_scan.h"
#include "vision/heads.h"

namespace edgecore {

namespace {

Corners cell_around(float column, float row, PixelScale cell) {
    return {(column - 0.5f) * cell.x, (row - 0.5f) * cell.y, (column + 0.5f) * cell.x,
            (row + 0.5f) * cell.y};
}

// Calls use(neighbour) for the up to eight cells around one.
template <class Use>
void for_each_neighbour(std::size_t rows, std::size_t columns, std::size_t cell, Use use) {
    const std::size_t row = cell / columns, column = cell % columns;
    for (std::size_t y = row - (row > 0); y <= row + (row + 1 < rows); ++y)
        for (std::size_t x = column - (column > 0); x <= column + (column + 1 < columns); ++x)
            if (y * columns + x != cell)
                use(y * columns + x);
}

// One element of all the scores of a grid, sorted by cell.
template <class T, class Use>
void for_each_labelled_cell(const Raw<T>& raw, std::size_t cells, std::size_t classes,
                            std::size_t background, Activation activation, float threshold,
                            const Labelling& labels, Use use) {
    const auto level = raw.least_level(threshold, activation);
    if (raw.unreachable(level))
        return;
    const ScoreMatrix<T> scores{raw.data + background, cells, classes, background + classes, 1};
    for_each_labelled_anchor(scores, static_cast<T>(level), labels,
                             [&](std::size_t cell, std::size_t class_id, T value) {
                                 const float score = activated(activation, raw.real(value));
                                 if (score >= threshold)
                                     use(cell, class_id, value, score);
                             });
}

} // namespace

void CellJoiner::find(const CellLayout& layout, const RawTensor& tensor, const Choice& choice,
                      Candidates& found) {
    const std::size_t cells = layout.rows * layout.columns;
    score_.assign(cells, 0.0f);
    label_.assign(cells, -1);
    const float threshold = choice.selection.score_threshold;
    const Labelling single(false, choice);
    with_type(tensor.type, [&](auto zero) {
        using T = decltype(zero);
        for_each_labelled_cell(Raw<T>(tensor), cells, layout.classes, 1, Activation::none,
                               threshold, single,
                               [&](std::size_t cell, std::size_t class_id, T, float score) {
                                   score_[cell] = score;
                                   label_[cell] = static_cast<std::int64_t>(class_id);
                               });
    });
    for (std::size_t cell = 0; cell < cells; ++cell) {
        if (label_[cell] < 0)
            continue;
        const std::int64_t label = label_[cell];
        float best = score_[cell];
        std::size_t count = 0, column_sum = 0, row_sum = 0;
        label_[cell] = -1;
        connected_.assign(1, cell);
        while (!connected_.empty()) {
            const std::size_t at = connected_.back();
            connected_.pop_back();
            best = score_[at] > best ? score_[at] : best;
            ++count;
            column_sum += at % layout.columns;
            row_sum += at / layout.columns;
            if (layout.joined)
                for_each_neighbour(layout.rows, layout.columns, at, [&](std::size_t next) {
                    if (label_[next] == label) {
                        label_[next] = -1;
                        connected_.push_back(next);
                    }
                });
        }
        const float column = static_cast<float>(column_sum) / static_cast<float>(count) + 0.5f;
        const float row = static_cast<float>(row_sum) / static_cast<float>(count) + 0.5f;
        found.add(cell_around(column, row, layout.cell), best, label);
    }
}

void find_peaks(const HeatmapLayout& layout, const HeatmapTensors& tensors, const Choice& choice,
                Candidates& found) {
    const std::size_t x = layout.y_first ? 1 : 0, y = 1 - x;
    const float threshold = choice.selection.score_threshold;
    const Labelling every(true, choice);
    with_type(tensors.heatmap.type, [&](auto zero) {
        using T = decltype(zero);
        const Raw<T> raw(tensors.heatmap);
        const auto add_peak = [&](std::size_t cell, std::size_t class_id, T value, float score) {
            bool peak = true;
            for_each_neighbour(layout.rows, layout.columns, cell, [&](std::size_t next) {
                peak = peak && !(raw.data[next * layout.classes + class_id] > value);
            });
            if (!peak)
                return;
            const float column = static_cast<float>(cell % layout.columns);
            const float row = static_cast<float>(cell / layout.columns);
            found.add(around((column + real_at(tensors.offset, 2 * cell + x)) * layout.cell.x,
                             (row + real_at(tensors.offset, 2 * cell + y)) * layout.cell.y,
                             real_at(tensors.size, 2 * cell + x) * layout.cell.x,
                             real_at(tensors.size, 2 * cell + y) * layout.cell.y),
                      score, static_cast<std::int64_t>(class_id));
        };
        for_each_labelled_cell(raw, layout.rows * layout.columns, layout.classes, 0,
                               layout.activation, threshold, every, add_peak);
    });
}

} // namespace edgecore
