#include "native/head_case.h"

#include <algorithm>

namespace edgecore {

namespace {

float make_real(Dice& dice, int range) {
    switch (range) {
    case 0:
        return static_cast<float>(dice.between(0, 255)) / 255.0f;
    case 1:
        return static_cast<float>(dice.between(-128, 127)) * 0.0625f;
    default:
        return dice.any_float();
    }
}

RawTensor add_tensor(HeadCase& head, Dice& dice, size_t elements) {
    OwnedTensor& out = head.tensors.emplace_back();
    out.raw.type = dice.pick<ElementType>(3);
    if (out.raw.type == ElementType::float32) {
        const int range = dice.between(0, 2);
        for (size_t i = 0; i < elements; ++i)
            out.floats.push_back(make_real(dice, range));
        out.raw = {out.floats.data(), ElementType::float32, 1.0f, 0};
        return out.raw;
    }
    out.bytes.resize(elements);
    dice.fill(&out.bytes);
    out.raw.data = out.bytes.data();
    out.raw.scale = dice.among({1.0f / 256, 0.0625f, 1.0f, 1e-40f, 3e38f});
    out.raw.zero_point =
        out.raw.type == ElementType::int8 ? dice.between(-128, 127) : dice.between(0, 255);
    return out.raw;
}

Choice make_choice(Dice& dice, size_t classes) {
    Choice out{};
    const float thresholds[] = {0.0f, 0.25f, 0.5f, 0.75f, 1.0f};
    out.selection.score_threshold = dice.among(thresholds);
    out.selection.iou_threshold = dice.among(thresholds);
    out.selection.max_results = static_cast<size_t>(dice.between(1, dice.one_in(2) ? 5 : 1000));
    out.class_agnostic = dice.one_in(3);
    out.multi_label = dice.one_in(3);
    if (dice.one_in(3)) {
        out.classes.allows_listed = dice.one_in(2);
        out.classes.listed.resize(static_cast<size_t>(dice.between(0, static_cast<int>(classes))));
        for (uint8_t& listed : out.classes.listed)
            listed = dice.one_in(2);
    }
    return out;
}

PixelScale make_scale(Dice& dice) {
    const float scales[] = {1.0f, 8.0f, 320.0f};
    return {dice.among(scales), dice.among(scales)};
}

std::vector<Grid> make_grids(Dice& dice, int largest) {
    std::vector<Grid> out;
    for (int i = dice.between(1, 3); i > 0; --i)
        out.push_back({static_cast<size_t>(dice.side(largest)),
                       static_cast<size_t>(dice.side(largest)), dice.among({8.0f, 16.0f})});
    return out;
}

struct Maker {
    HeadCase& head;
    Dice& dice;
    int largest;
    size_t classes;

    size_t side() const { return static_cast<size_t>(dice.side(largest)); }
    RawTensor tensor(size_t elements) const { return add_tensor(head, dice, elements); }

    void yolo(YoloOrder order) const {
        YoloLayout layout{order, side() * 3, classes, make_scale(dice)};
        const size_t values = classes + (order == YoloOrder::anchor_major_objectness ? 5 : 4);
        const RawTensor raw = tensor(layout.anchors * values);
        head.find = [&choice = head.choice, layout, raw](Candidates& found) {
            find_yolo(layout, raw, choice, found);
        };
    }
    void yolox() const {
        const std::vector<Grid> grids = make_grids(dice, largest / 8 + 1);
        size_t cells = 0;
        for (const Grid& grid : grids)
            cells += grid.rows * grid.columns;
        const RawTensor raw = tensor(cells * (5 + classes));
        head.find = [&choice = head.choice, grids, raw, n = classes](Candidates& found) {
            find_yolox(grids, n, raw, choice, found);
        };
    }
    void dfl() const {
        const auto bins = static_cast<size_t>(dice.between(1, 17));
        const bool joined = dice.one_in(2);
        const size_t step = 4 * bins + classes;
        std::vector<DflGrid> parts;
        for (const Grid& grid : make_grids(dice, largest / 16 + 1)) {
            const size_t cells = grid.rows * grid.columns;
            if (joined) {
                const RawTensor both = tensor(cells * step);
                parts.push_back({grid, both, step, both, step, 4 * bins});
            } else {
                const RawTensor boxes = tensor(cells * 4 * bins);
                parts.push_back({grid, boxes, 4 * bins, tensor(cells * classes), classes, 0});
            }
        }
        head.find = [&choice = head.choice, parts, bins, n = classes](Candidates& found) {
            find_dfl(parts, bins, n, choice, found);
        };
    }
    void end_to_end() const {
        const size_t rows = side();
        const RawTensor raw = tensor(6 * rows);
        const PixelScale scale = make_scale(dice);
        head.suppression = Suppression::by_model;
        head.classes = -1;
        head.find = [&choice = head.choice, raw, rows, scale](Candidates& found) {
            find_end_to_end(raw, rows, scale, choice, found);
        };
    }
    void ssd() const {
        const size_t rows = side();
        const RawTensor boxes = tensor(4 * rows), ids = tensor(rows), scores = tensor(rows);
        const SsdTensors tensors{boxes, ids, scores, rows, make_scale(dice)};
        head.suppression = Suppression::by_model;
        head.classes = -1;
        head.find = [&choice = head.choice, tensors](Candidates& found) {
            find_ssd(tensors, choice, found);
        };
    }
    void anchored() const {
        AnchoredLayout layout{};
        layout.classes = classes;
        layout.background = dice.pick<size_t>(2);
        layout.activation = dice.pick<Activation>(2);
        layout.coder = {
            10.0f, 10.0f, 5.0f, 5.0f, dice.one_in(2), dice.one_in(2), dice.pick<size_t>(7)};
        layout.scale = make_scale(dice);
        head.keypoints = layout.coder.keypoints;
        std::vector<AnchoredTensors> parts;
        std::vector<AnchorBox> anchors;
        for (int i = dice.between(1, 3); i > 0; --i) {
            const size_t n = side();
            const RawTensor boxes = tensor(n * (4 + 2 * head.keypoints));
            parts.push_back({boxes, tensor(n * (layout.background + classes)), n});
            for (size_t anchor = 0; anchor < n; ++anchor)
                anchors.push_back({make_real(dice, 0), make_real(dice, 0), make_real(dice, 0),
                                   make_real(dice, 0)});
        }
        head.find = [&choice = head.choice, layout, parts, anchors](Candidates& found) {
            find_anchored(layout, parts, anchors, choice, found);
        };
    }
    void cells() const {
        const auto rows = static_cast<size_t>(dice.between(1, largest / 8 + 1));
        const CellLayout layout{rows, static_cast<size_t>(dice.between(1, largest / 8 + 1)),
                                classes, make_scale(dice), dice.one_in(2)};
        const RawTensor raw = tensor(layout.rows * layout.columns * (1 + classes));
        head.suppression = Suppression::by_model;
        const auto joiner = std::make_shared<CellJoiner>();
        head.find = [&choice = head.choice, layout, raw, joiner](Candidates& found) {
            joiner->find(layout, raw, choice, found);
        };
    }
    void peaks() const {
        const auto rows = static_cast<size_t>(dice.between(1, largest / 8 + 1));
        const HeatmapLayout layout{rows,
                                   static_cast<size_t>(dice.between(1, largest / 8 + 1)),
                                   classes,
                                   make_scale(dice),
                                   dice.pick<Activation>(2),
                                   dice.one_in(2)};
        const size_t cells = layout.rows * layout.columns;
        const RawTensor heatmap = tensor(cells * classes), offset = tensor(2 * cells);
        const HeatmapTensors tensors{heatmap, offset, tensor(2 * cells)};
        head.suppression = Suppression::by_model;
        head.find = [&choice = head.choice, layout, tensors](Candidates& found) {
            find_peaks(layout, tensors, choice, found);
        };
    }
};

} // namespace

std::unique_ptr<HeadCase> make_head_case(Dice& dice, int largest) {
    auto head = std::make_unique<HeadCase>();
    const int kind = dice.between(0, 9);
    const auto classes =
        static_cast<size_t>(dice.between(1, dice.one_in(3) ? std::min(100, 4 * largest) : 6));
    head->choice = make_choice(dice, classes);
    head->classes = static_cast<int64_t>(classes);
    const Maker make{*head, dice, largest, classes};
    switch (kind) {
    case 0:
    case 1:
    case 2:
        make.yolo(static_cast<YoloOrder>(kind));
        break;
    case 3:
        make.yolox();
        break;
    case 4:
        make.dfl();
        break;
    case 5:
        make.end_to_end();
        break;
    case 6:
        make.ssd();
        break;
    case 7:
        make.anchored();
        break;
    case 8:
        make.cells();
        break;
    default:
        make.peaks();
    }
    return head;
}

} // namespace edgecore
