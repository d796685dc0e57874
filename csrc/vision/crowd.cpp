#include "vision/crowd.h"

#include <algorithm>
#include <cmath>

#include "vision/dispatch.h"

namespace edgecore {

namespace {

struct Span {
    double middle_x, middle_y, width, height, longer;

    explicit Span(const float* box)
        : middle_x(0.5 * (static_cast<double>(box[0]) + box[2])),
          middle_y(0.5 * (static_cast<double>(box[1]) + box[3])),
          width(static_cast<double>(box[2]) - box[0]), height(static_cast<double>(box[3]) - box[1]),
          longer(width > height ? width : height) {}

    // Without area a box overlaps nothing.
    bool empty() const { return !(width > 0.0 && height > 0.0); }
    bool odd() const { return width < 1e-15 || height < 1e-15 || longer > 1e15; }
};

// How far from the middle of a box of side `own` the middle of one of a side up to `most` may lie.
double reach(double own, double most, double threshold) {
    const double other = std::min(most, threshold < 0.5 ? own / threshold : own);
    return (0.5 * (own + other) - threshold * std::max(own, other)) * (1.0 + 1e-9);
}

} // namespace

void Crowd::clear() {
    members_.clear();
}

void Crowd::add(const float* box, std::uint32_t rank) {
    if (!Span(box).empty())
        members_.push_back({{box[0], box[1], box[2], box[3]}, rank, 0, 0});
}

// Cells of half the largest side, larger where there would be more cells than boxes.
void Crowd::lay_out(Level& level, std::size_t first_cell) const {
    const double width = level.x_end - level.x, height = level.y_end - level.y;
    const auto count = static_cast<double>(level.count);
    const double side = std::max({0.5 * level.most, std::sqrt(width / count * height),
                                  width / count, height / count});
    level.cells_a_pixel = 1.0 / side;
    level.columns = static_cast<std::size_t>(width * level.cells_a_pixel) + 1;
    level.rows = static_cast<std::size_t>(height * level.cells_a_pixel) + 1;
    level.first_cell = first_cell;
}

void Crowd::arrange() {
    double longest = 0.0;
    for (const Member& member : members_) {
        const Span span(member.box);
        if (!span.odd())
            longest = std::max(longest, span.longer);
    }
    const int top = std::ilogb(std::max(longest, 1e-15));
    for (std::size_t i = 0; i <= kLevels; ++i) {
        levels_[i] = Level{};
        levels_[i].most = std::ldexp(1.0, top + 1 - static_cast<int>(i));
        levels_[i].least = i + 1 < kLevels ? 0.5 * levels_[i].most : 0.0;
    }
    for (Member& member : members_) {
        const Span span(member.box);
        const int below = span.odd() ? 0 : top - std::ilogb(span.longer);
        const std::size_t place =
            span.odd() ? kOdd : std::min(static_cast<std::size_t>(below), kLevels - 1);
        member.level = static_cast<std::uint8_t>(place);
        Level& level = levels_[place];
        const bool first = level.count++ == 0;
        level.x = first ? span.middle_x : std::min(level.x, span.middle_x);
        level.y = first ? span.middle_y : std::min(level.y, span.middle_y);
        level.x_end = first ? span.middle_x : std::max(level.x_end, span.middle_x);
        level.y_end = first ? span.middle_y : std::max(level.y_end, span.middle_y);
    }
    std::size_t cells = 0;
    for (std::size_t i = 0; i < kLevels; ++i)
        if (levels_[i].count) {
            lay_out(levels_[i], cells);
            cells += levels_[i].rows * levels_[i].columns;
        }
    levels_[kOdd].first_cell = cells;
    levels_[kOdd].rows = levels_[kOdd].columns = 1;
    ++cells;
    starts_.assign(cells + 2, 0);
    for (Member& member : members_) {
        const Level& level = levels_[member.level];
        const Span span(member.box);
        const auto column =
            static_cast<std::size_t>((span.middle_x - level.x) * level.cells_a_pixel);
        const auto row = static_cast<std::size_t>((span.middle_y - level.y) * level.cells_a_pixel);
        const std::size_t cell = level.first_cell + row * level.columns + column;
        member.cell = static_cast<std::uint32_t>(cell);
        ++starts_[cell + 2];
    }
    for (std::size_t i = 1; i < starts_.size(); ++i)
        starts_[i] += starts_[i - 1];
    for (std::vector<float>* column : {&x0_, &y0_, &x1_, &y1_, &area_})
        column->resize(members_.size() + kBoxColumnPadding);
    rank_.resize(members_.size());
    for (const Member& member : members_) {
        const float* box = member.box;
        const std::size_t at = starts_[member.cell + 1]++;
        x0_[at] = box[0];
        y0_[at] = box[1];
        x1_[at] = box[2];
        y1_[at] = box[3];
        area_[at] = (box[2] - box[0]) * (box[3] - box[1]);
        rank_[at] = member.rank;
    }
}

void Crowd::mark(const float* box, float iou_threshold, std::uint8_t* marks) const {
    const Span span(box);
    if (span.empty())
        return;
    const BoxColumns boxes{x0_.data(), y0_.data(), x1_.data(), y1_.data(), area_.data()};
    const auto mark_cells = active_kernels().mark_overlapping;
    const std::uint32_t* starts = starts_.data();
    if (span.odd()) {
        const std::uint32_t all[] = {0, static_cast<std::uint32_t>(rank_.size())};
        mark_cells(boxes, rank_.data(), {all, 1, 1, 1}, box, iou_threshold, marks);
        return;
    }
    const double threshold = static_cast<double>(iou_threshold) * (1.0 - 1e-5);
    for (std::size_t i = 0; i < kLevels; ++i) {
        const Level& level = levels_[i];
        if (!level.count || level.most < threshold * span.longer ||
            span.longer < threshold * level.least)
            continue;
        const double reach_x = reach(span.width, level.most, threshold);
        const double reach_y = reach(span.height, level.most, threshold);
        const double left = (span.middle_x - reach_x - level.x) * level.cells_a_pixel;
        const double right = (span.middle_x + reach_x - level.x) * level.cells_a_pixel;
        const double top = (span.middle_y - reach_y - level.y) * level.cells_a_pixel;
        const double bottom = (span.middle_y + reach_y - level.y) * level.cells_a_pixel;
        const auto columns = static_cast<double>(level.columns);
        const auto rows = static_cast<double>(level.rows);
        if (right < 0.0 || bottom < 0.0 || left >= columns || top >= rows)
            continue;
        const auto first_column = static_cast<std::size_t>(std::max(left, 0.0));
        const auto first_row = static_cast<std::size_t>(std::max(top, 0.0));
        const auto last_column = static_cast<std::size_t>(std::min(right, columns - 1.0));
        const auto last_row = static_cast<std::size_t>(std::min(bottom, rows - 1.0));
        mark_cells(boxes, rank_.data(),
                   {starts + level.first_cell + first_row * level.columns + first_column,
                    last_row - first_row + 1, last_column - first_column + 1, level.columns},
                   box, iou_threshold, marks);
    }
    if (levels_[kOdd].count)
        mark_cells(boxes, rank_.data(), {starts + levels_[kOdd].first_cell, 1, 1, 1}, box,
                   iou_threshold, marks);
}

} // namespace edgecore
