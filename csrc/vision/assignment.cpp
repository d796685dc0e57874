#include "vision/assignment.h"

#include <algorithm>

namespace edgecore {

void Assignment::start(std::size_t columns) {
    pairs_.clear();
    starts_.clear();
    columns_.assign(columns, Column{0, 0, kNone, kNone, 0, false});
}

void Assignment::next_row() {
    starts_.push_back(pairs_.size());
}

void Assignment::add(std::size_t column, std::int32_t gain) {
    pairs_.push_back({static_cast<std::uint32_t>(column), gain});
}

void Assignment::solve() {
    value_.assign(rows(), 0);
    column_of_.assign(rows(), kNone);
    visited_.reserve(rows());
    reached_.reserve(columns_.size());
    settled_.reserve(columns_.size());
    for (std::size_t row = 0; row < rows(); ++row)
        place(static_cast<std::int32_t>(row));
}

// Costs are negative gains; staying single costs nothing, as if every row had a column of its own.
void Assignment::place(std::int32_t row) {
    const auto placement = static_cast<std::uint32_t>(row) + 1;
    visited_.clear();
    reached_.clear();
    settled_.clear();
    std::int32_t single = kNone; // the row that had best stay single
    std::int64_t single_distance = 0;
    std::int32_t last = kNone;
    std::int64_t length = 0;
    for (Step step{row, 0};;) {
        visited_.push_back(step);
        const std::int64_t alone = step.distance - value_[static_cast<std::size_t>(step.row)];
        if (single == kNone || alone < single_distance ||
            (alone == single_distance && step.row < single)) {
            single = step.row;
            single_distance = alone;
        }
        look_from(step, placement);
        last = nearest();
        length =
            last == kNone ? single_distance : columns_[static_cast<std::size_t>(last)].distance;
        if (last == kNone || single_distance < length) {
            last = kNone;
            length = single_distance;
            break;
        }
        Column& column = columns_[static_cast<std::size_t>(last)];
        if (column.row == kNone)
            break;
        column.settled = true;
        settled_.push_back(last);
        reached_.erase(std::find(reached_.begin(), reached_.end(), last));
        step = {column.row, column.distance};
    }
    for (const Step& step : visited_)
        value_[static_cast<std::size_t>(step.row)] += length - step.distance;
    for (const std::int32_t at : settled_) {
        Column& column = columns_[static_cast<std::size_t>(at)];
        column.price -= length - column.distance;
    }
    if (last == kNone) {
        last = column_of_[static_cast<std::size_t>(single)];
        column_of_[static_cast<std::size_t>(single)] = kNone;
        if (single == row)
            return;
    }
    change(last, row);
}

void Assignment::look_from(const Step& step, std::uint32_t placement) {
    const auto row = static_cast<std::size_t>(step.row);
    const std::size_t end = row + 1 < rows() ? starts_[row + 1] : pairs_.size();
    for (std::size_t i = starts_[row]; i < end; ++i) {
        Column& column = columns_[pairs_[i].column];
        const bool fresh = column.reached_at != placement;
        if (!fresh && column.settled)
            continue;
        const std::int64_t distance = step.distance - pairs_[i].gain - value_[row] - column.price;
        if (!fresh && distance >= column.distance)
            continue;
        if (fresh)
            reached_.push_back(static_cast<std::int32_t>(pairs_[i].column));
        column.distance = distance;
        column.reached_by = step.row;
        column.reached_at = placement;
        column.settled = false;
    }
}

// The reached column at the smallest distance; ties: one without a row, which ends the search, then
// the lowest.
std::int32_t Assignment::nearest() const {
    std::int32_t best = kNone;
    for (const std::int32_t at : reached_)
        if (best == kNone || order(at) < order(best))
            best = at;
    return best;
}

std::tuple<std::int64_t, bool, std::int32_t> Assignment::order(std::int32_t at) const {
    const Column& column = columns_[static_cast<std::size_t>(at)];
    return {column.distance, column.row != kNone, at};
}

// Gives the column to the row before it on the way, that row's column to the one before, and so on
// back to `row`.
void Assignment::change(std::int32_t column, std::int32_t row) {
    for (std::int32_t owner = kNone; owner != row;) {
        Column& taken = columns_[static_cast<std::size_t>(column)];
        owner = taken.reached_by;
        taken.row = owner;
        std::swap(column_of_[static_cast<std::size_t>(owner)], column);
    }
}

} // namespace edgecore
