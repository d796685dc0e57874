#include "vision/crowd.h"

#include <algorithm>
#include <cmath>
#include <cstring>

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

    // e where the longer side lies in [4^e, 4^(e + 1)).
    int size() const {
        std::uint64_t bits;
        std::memcpy(&bits, &longer, sizeof bits);
        return (static_cast<int>(bits >> 52) - 1023) >> 1;
    }
};

// By way of a signed integer, which is one instruction.
std::size_t cell_index(double place) {
    return static_cast<std::size_t>(static_cast<std::int64_t>(place));
}

} // namespace

void Crowd::clear() {
    members_.clear();
    largest_size_ = kOddSize;
}

void Crowd::add(const float* box, std::uint32_t rank) {
    const Span span(box);
    if (span.empty())
        return;
    const int size = span.odd() ? kOddSize : span.size();
    largest_size_ = std::max(largest_size_, size);
    members_.push_back(
        {{box[0], box[1], box[2], box[3]}, span.middle_x, span.middle_y, rank, 0, size});
}

std::size_t Crowd::level_of(const Member& member) const {
    return member.size == kOddSize
               ? kOdd
               : std::min(static_cast<std::size_t>(largest_size_ - member.size), kLevels - 1);
}

// Cells of an eighth of the largest side, larger where there would be more cells than boxes.
void Crowd::lay_out(Level& level, std::size_t first_cell) const {
    const double width = level.x_end - level.x, height = level.y_end - level.y;
    const auto count = static_cast<double>(level.count);
    const double side = std::max(
        {0.125 * level.most, std::sqrt(width / count * height), width / count, height / count});
    level.cells_a_pixel = 1.0 / side;
    level.columns = static_cast<std::size_t>(width * level.cells_a_pixel) + 1;
    level.rows = static_cast<std::size_t>(height * level.cells_a_pixel) + 1;
    level.first_cell = first_cell;
}

void Crowd::arrange(float iou_threshold) {
    iou_threshold_ = iou_threshold;
    threshold_ = static_cast<double>(iou_threshold) * (1.0 - 1e-5);
    one_over_threshold_ = 1.0 / threshold_;
    for (std::size_t i = 0; i <= kLevels; ++i) {
        levels_[i] = Level{};
        levels_[i].most = std::ldexp(1.0, 2 * (largest_size_ + 1 - static_cast<int>(i)));
        levels_[i].least = i + 1 < kLevels ? 0.25 * levels_[i].most : 0.0;
    }
    for (const Member& member : members_) {
        Level& level = levels_[level_of(member)];
        const bool first = level.count++ == 0;
        level.x = first ? member.middle_x : std::min(level.x, member.middle_x);
        level.y = first ? member.middle_y : std::min(level.y, member.middle_y);
        level.x_end = first ? member.middle_x : std::max(level.x_end, member.middle_x);
        level.y_end = first ? member.middle_y : std::max(level.y_end, member.middle_y);
    }
    std::size_t cells = 0;
    used_count_ = 0;
    for (std::size_t i = 0; i < kLevels; ++i)
        if (levels_[i].count) {
            used_[used_count_++] = i;
            lay_out(levels_[i], cells);
            cells += levels_[i].rows * levels_[i].columns;
        }
    levels_[kOdd].first_cell = cells++;
    starts_.assign(cells + 2, 0);
    for (Member& member : members_) {
        const Level& level = levels_[level_of(member)];
        const auto column = cell_index((member.middle_x - level.x) * level.cells_a_pixel);
        const auto row = cell_index((member.middle_y - level.y) * level.cells_a_pixel);
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

// How far from the middle of a box of side `own` the middle of one of a side up to `most` may lie.
double Crowd::reach(double own, double most) const {
    const double other = std::min(most, threshold_ < 0.5 ? own * one_over_threshold_ : own);
    return (0.5 * (own + other) - threshold_ * std::max(own, other)) * (1.0 + 1e-9);
}

void Crowd::mark(const float* box, std::uint8_t* marks) const {
    const Span span(box);
    if (span.empty())
        return;
    const BoxColumns boxes{x0_.data(), y0_.data(), x1_.data(), y1_.data(), area_.data()};
    const auto mark_cells = active_kernels().mark_overlapping;
    const std::uint32_t* starts = starts_.data();
    if (span.odd()) {
        const std::uint32_t all[] = {0, static_cast<std::uint32_t>(rank_.size())};
        mark_cells(boxes, rank_.data(), {all, 1, 1, 1}, box, iou_threshold_, marks);
        return;
    }
    for (std::size_t i = 0; i < used_count_; ++i) {
        const Level& level = levels_[used_[i]];
        if (level.most < threshold_ * span.longer || span.longer < threshold_ * level.least)
            continue;
        const double reach_x = reach(span.width, level.most);
        const double reach_y = reach(span.height, level.most);
        const double left = (span.middle_x - reach_x - level.x) * level.cells_a_pixel;
        const double right = (span.middle_x + reach_x - level.x) * level.cells_a_pixel;
        const double top = (span.middle_y - reach_y - level.y) * level.cells_a_pixel;
        const double bottom = (span.middle_y + reach_y - level.y) * level.cells_a_pixel;
        const auto columns = static_cast<double>(level.columns);
        const auto rows = static_cast<double>(level.rows);
        if (right < 0.0 || bottom < 0.0 || left >= columns || top >= rows)
            continue;
        const auto first_column = cell_index(std::max(left, 0.0));
        const auto first_row = cell_index(std::max(top, 0.0));
        const auto last_column = cell_index(std::min(right, columns - 1.0));
        const auto last_row = cell_index(std::min(bottom, rows - 1.0));
        mark_cells(boxes, rank_.data(),
                   {starts + level.first_cell + first_row * level.columns + first_column,
                    last_row - first_row + 1, last_column - first_column + 1, level.columns},
                   box, iou_threshold_, marks);
    }
    if (levels_[kOdd].count)
        mark_cells(boxes, rank_.data(), {starts + levels_[kOdd].first_cell, 1, 1, 1}, box,
                   iou_threshold_, marks);
}

} // namespace edgecore
