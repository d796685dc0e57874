// Random boxes, scores and classes, against the plain definition.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "native/cases.h"
#include "native/plain_suppression.h"
#include "vision/nms.h"

namespace edgecore {

namespace {

enum class Spread { pixels, crowd, parts, small, large, any };

struct Boxes {
    std::vector<float> boxes, scores;
    std::vector<int64_t> class_id; // empty: one class
};

void add_box(Spread spread, Dice& dice, std::vector<float>* out) {
    float box[4];
    if (spread == Spread::any) {
        for (float& edge : box)
            edge = dice.any_float();
    } else {
        const int most = spread == Spread::crowd ? 15 : 4095;
        const float unit = spread == Spread::parts   ? 0.0625f
                           : spread == Spread::small ? 1e-21f
                           : spread == Spread::large ? 3e34f
                                                     : 1.0f;
        box[0] = static_cast<float>(dice.between(0, most)) * unit;
        box[1] = static_cast<float>(dice.between(0, most)) * unit;
        box[2] = box[0] + static_cast<float>(dice.between(0, 255)) * unit;
        box[3] = box[1] + static_cast<float>(dice.between(0, 255)) * unit;
    }
    out->insert(out->end(), box, box + 4);
}

Boxes make_boxes(Dice& dice, int most) {
    Boxes out;
    const int n = dice.between(0, dice.one_in(4) ? most : std::min(most, 60));
    const auto spread = dice.pick<Spread>(6);
    const auto scoring = dice.between(0, 2);
    const auto classing = dice.between(0, 2);
    for (int i = 0; i < n; ++i) {
        add_box(spread, dice, &out.boxes);
        out.scores.push_back(scoring == 0   ? static_cast<float>(dice.between(0, 15)) * 0.0625f
                             : scoring == 1 ? static_cast<float>(dice.between(0, 65535)) / 65536.0f
                                            : dice.any_float());
        if (classing == 1)
            out.class_id.push_back(dice.between(0, 3));
        else if (classing == 2)
            out.class_id.push_back((dice.between(0, 7) - 4) * (int64_t{1} << 60));
    }
    return out;
}

Selection make_selection(Dice& dice, int most) {
    const float infinity = std::numeric_limits<float>::infinity();
    Selection out{};
    out.score_threshold = dice.among({0.0f, 0.25f, 0.5f, -infinity});
    const float usual[] = {0.0f, 0.45f, 0.5f, 1.0f, infinity};
    out.iou_threshold =
        dice.one_in(2) ? dice.among(usual) : static_cast<float>(dice.between(0, 1000)) / 1000.0f;
    out.max_results = static_cast<size_t>(dice.between(1, dice.one_in(2) ? 16 : most + 1));
    return out;
}

} // namespace

bool suppression_agrees(Dice& dice, int most_boxes, Digest* results) {
    Boxes in = make_boxes(dice, most_boxes);
    const Selection selection = make_selection(dice, most_boxes);
    const size_t n = in.scores.size();
    size_t first_invalid = n;
    for (size_t i = n; i-- > 0;)
        if (!plainly_valid(&in.boxes[4 * i]))
            first_invalid = i;
    bool fine = true;
    for_each_set([&](const char* isa) {
        const size_t found = active_kernels().first_invalid_box(in.boxes.data(), n);
        if (found == first_invalid)
            return;
        fine = false;
        std::printf("%s: first invalid box %zu instead of %zu\n", isa, found, first_invalid);
    });
    for (size_t i = 0; i < n; ++i)
        if (!plainly_valid(&in.boxes[4 * i]))
            std::fill_n(&in.boxes[4 * i], 4, 0.0f);

    const int64_t* class_id = in.class_id.empty() ? nullptr : in.class_id.data();
    const PlainResult wanted =
        plain_suppression(in.boxes.data(), in.scores.data(), class_id, n, selection);
    if (results)
        results->add(wanted.kept);
    static GreedyNms nms; // with the memory of all cases before
    for_each_set([&](const char* isa) {
        nms.run(in.boxes.data(), in.scores.data(), class_id, n, selection);
        if (nms.kept() == wanted.kept && nms.truncated() == wanted.truncated)
            return;
        fine = false;
        std::printf("%s keeps other boxes than the plain definition: %zu of %zu, %zu wanted\n", isa,
                    nms.kept().size(), n, wanted.kept.size());
    });
    return fine;
}

} // namespace edgecore
