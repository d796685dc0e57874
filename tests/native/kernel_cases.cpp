// The kernels that heads and suppression are made of, against a plain line or two each.
#include <algorithm>
#include <cstdio>
#include <limits>
#include <vector>

#include "native/cases.h"
#include "native/plain_suppression.h"
#include "vision/raw_tensor.h"

namespace edgecore {

namespace {

template <class T>
T make_value(Dice& dice, bool any) {
    if constexpr (std::is_same_v<T, float>)
        return any ? dice.any_float() : static_cast<float>(dice.between(-20, 20)) * 0.25f;
    else
        return static_cast<T>(
            dice.between(std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

template <class T>
struct Matrix {
    std::vector<T> values;
    size_t rows, columns, stride;

    T at(size_t row, size_t column) const { return values[row * stride + column]; }
};

template <class T>
Matrix<T> make_matrix(Dice& dice, int rows, int columns) {
    Matrix<T> out{};
    out.rows = static_cast<size_t>(dice.between(1, rows));
    out.columns = static_cast<size_t>(dice.between(1, columns));
    out.stride = out.columns + static_cast<size_t>(dice.one_in(2) ? dice.between(0, 9) : 0);
    const bool any = dice.one_in(2);
    for (size_t i = 0; i < out.stride * (out.rows - 1) + out.columns; ++i)
        out.values.push_back(make_value<T>(dice, any));
    return out;
}

// `score(anchor, i)` is score i of an anchor.
template <class T, class Score, class Kernel>
bool scan_agrees(const char* what, size_t anchors, size_t scores, T level, bool best_of_all,
                 Score score, Kernel kernel) {
    uint64_t wanted = 0;
    std::vector<T> largest(anchors, lowest<T>());
    for (size_t anchor = 0; anchor < anchors; ++anchor) {
        for (size_t i = 0; i < scores; ++i)
            if (score(anchor, i) > largest[anchor])
                largest[anchor] = score(anchor, i);
        wanted |= uint64_t{largest[anchor] >= level} << anchor;
    }
    bool fine = true;
    for_each_set([&](const char* isa) {
        std::vector<T> best(anchors);
        bool same = kernel(best.data()) == wanted;
        for (size_t anchor = 0; anchor < anchors; ++anchor)
            if (best_of_all || wanted >> anchor & 1)
                same = same && best[anchor] == largest[anchor];
        if (!same)
            std::printf("%s: %s of %zu anchors with %zu scores\n", isa, what, anchors, scores);
        fine = fine && same;
    });
    return fine;
}

template <class T>
bool scans_agree(Dice& dice, int largest) {
    const T level = make_value<T>(dice, dice.one_in(2));
    const auto down = make_matrix<T>(dice, largest, std::min(largest, 64));
    const auto across = make_matrix<T>(dice, std::min(largest, 64), largest);
    const bool columns = scan_agrees(
        "columns", down.columns, down.rows, level, true,
        [&](size_t anchor, size_t i) { return down.at(i, anchor); },
        [&](T* best) {
            return reaching<T>(active_kernels())
                .columns(down.values.data(), down.stride, down.rows, down.columns, level, best);
        });
    const bool rows = scan_agrees(
        "rows", across.rows, across.columns, level, false,
        [&](size_t anchor, size_t i) { return across.at(anchor, i); },
        [&](T* best) {
            return reaching<T>(active_kernels())
                .rows(across.values.data(), across.stride, across.rows, across.columns, level,
                      best);
        });
    return columns && rows;
}

struct Box {
    float edge[4];
};

Box make_box(Dice& dice) {
    const float unit = dice.among({1.0f, 1.0f, 0.37f, 1e-21f, 1e18f});
    Box out;
    for (int side = 0; side < 2; ++side) {
        out.edge[side] = static_cast<float>(dice.between(0, 40)) * unit;
        out.edge[side + 2] = out.edge[side] + static_cast<float>(dice.between(0, 40)) * unit;
    }
    return out;
}

std::vector<Box> make_boxes(Dice& dice, int most) {
    std::vector<Box> out(static_cast<size_t>(dice.between(0, most)));
    std::generate(out.begin(), out.end(), [&] { return make_box(dice); });
    return out;
}

float area_of(const Box& box) {
    return (box.edge[2] - box.edge[0]) * (box.edge[3] - box.edge[1]);
}

// In the chain the later blocks come first, as nothing says that they lie in order.
std::vector<KeptBlock> make_chain(const std::vector<Box>& boxes, uint32_t* first) {
    const float far = std::numeric_limits<float>::infinity();
    std::vector<KeptBlock> out;
    *first = KeptBlock::kNone;
    for (size_t i = 0; i < boxes.size(); ++i) {
        const size_t lane = i % KeptBlock::kLanes;
        if (lane == 0) {
            KeptBlock empty;
            for (float* edge : {empty.x0, empty.y0, empty.x1, empty.y1})
                std::fill_n(edge, KeptBlock::kLanes, far);
            std::fill_n(empty.area, KeptBlock::kLanes, 0.0f);
            empty.next = *first;
            *first = static_cast<uint32_t>(out.size());
            out.push_back(empty);
        }
        KeptBlock& block = out.back();
        block.x0[lane] = boxes[i].edge[0];
        block.y0[lane] = boxes[i].edge[1];
        block.x1[lane] = boxes[i].edge[2];
        block.y1[lane] = boxes[i].edge[3];
        block.area[lane] = area_of(boxes[i]);
        block.used = static_cast<uint32_t>(lane + 1);
    }
    return out;
}

bool overlaps_agree(Dice& dice, const std::vector<Box>& boxes, const Box& box, float threshold) {
    uint32_t first;
    const std::vector<KeptBlock> blocks = make_chain(boxes, &first);
    const bool wanted = std::any_of(boxes.begin(), boxes.end(), [&](const Box& kept) {
        return plain_iou(kept.edge, box.edge) > threshold;
    });
    // Cells of random sizes; behind the columns lies what no kernel may heed.
    std::vector<float> column[5];
    for (size_t i = 0; i < boxes.size() + kBoxColumnPadding; ++i) {
        const bool real = i < boxes.size();
        for (int edge = 0; edge < 4; ++edge)
            column[edge].push_back(real ? boxes[i].edge[edge] : dice.any_float());
        column[4].push_back(real ? area_of(boxes[i]) : dice.any_float());
    }
    const BoxColumns columns{column[0].data(), column[1].data(), column[2].data(), column[3].data(),
                             column[4].data()};
    const size_t rows = dice.pick<size_t>(3) + 1, across = dice.pick<size_t>(3) + 1, stride = 4;
    std::vector<uint32_t> starts;
    for (size_t i = 0; i < (rows - 1) * stride + across + 1; ++i)
        starts.push_back(static_cast<uint32_t>(dice.between(0, static_cast<int>(boxes.size()))));
    std::sort(starts.begin(), starts.end());
    std::vector<uint32_t> rank(boxes.size());
    std::vector<uint8_t> marks_wanted(boxes.size());
    for (size_t i = 0; i < rank.size(); ++i)
        rank[i] = static_cast<uint32_t>(rank.size() - 1 - i);
    for (size_t row = 0; row < rows; ++row)
        for (size_t i = starts[row * stride]; i < starts[row * stride + across]; ++i)
            if (plain_iou(box.edge, boxes[i].edge) > threshold)
                marks_wanted[rank[i]] = 1;
    bool fine = true;
    for_each_set([&](const char* isa) {
        const Kernels& kernels = active_kernels();
        if (kernels.overlaps(blocks.data(), first, box.edge, threshold) != wanted) {
            fine = false;
            std::printf("%s: overlaps one of %zu boxes\n", isa, boxes.size());
        }
        std::vector<uint8_t> marks(boxes.size());
        kernels.mark_overlapping(columns, rank.data(), {starts.data(), rows, across, stride},
                                 box.edge, threshold, marks.data());
        if (marks != marks_wanted) {
            fine = false;
            std::printf("%s: marks of %zu boxes\n", isa, boxes.size());
        }
    });
    return fine;
}

} // namespace

bool kernels_agree(Dice& dice, int largest) {
    const std::vector<Box> boxes = make_boxes(dice, largest);
    const Box box = make_box(dice);
    const float threshold = static_cast<float>(dice.between(0, 100)) * 0.01f;
    const bool same[] = {overlaps_agree(dice, boxes, box, threshold),
                         scans_agree<float>(dice, largest), scans_agree<int8_t>(dice, largest),
                         scans_agree<uint8_t>(dice, largest)};
    return same[0] && same[1] && same[2] && same[3];
}

} // namespace edgecore
